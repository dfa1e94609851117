//! Defines the reasons why the agent refuses a verified command.

use pinlatch_protocol::line::ActionError;
use pinlatch_protocol::name::Name;

use super::driver::DriverError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the configuration has no line with this name")]
    UnknownLine,
    /// This kind of line does not have the action, or the arguments of the action are invalid.
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error("the angle is outside the configured range (range_deg)")]
    Range,
    #[error("the line would be on for longer than max_on_ms")]
    MaxOn,
    #[error("the last action was less than min_interval_ms ago")]
    MinInterval,
    #[error("a pulse is already running")]
    Busy,
    /// Another line of the same interlock is on or possibly on, or the dead time of the interlock has not passed yet.
    #[error(
        "this line is interlocked with {0}, and {0} is on or possibly on, or was switched off less than dead_time_ms ago"
    )]
    Interlock(Name),
    /// The rule has run too often in the last minute. Only rules have this limit.
    #[error("the rule has reached its limit `per_minute`")]
    RuleRate,
    /// The driver of the line failed, or the line could not be opened.
    #[error("the line cannot be driven: {0}")]
    Driver(#[from] DriverError),
}

impl Refused {
    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownLine => "refused_unknown_line",
            Self::Action(_) => "refused_action",
            Self::Range => "refused_range",
            Self::MaxOn => "refused_max_on",
            Self::MinInterval => "refused_min_interval",
            Self::Busy => "refused_busy",
            Self::Interlock(_) => "refused_interlock",
            Self::RuleRate => "refused_rule_rate",
            Self::Driver(_) => "refused_driver",
        }
    }
}
