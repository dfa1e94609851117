//! Why a line did not do what a verified command said.

use pinlatch_protocol::line::ActionError;
use pinlatch_protocol::name::Name;

use super::driver::DriverError;

/// Why a line did not do what a verified command said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The configuration has no such line.
    #[error("there is no such line")]
    UnknownLine,
    /// The line's kind has no such action, or not with these arguments.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// A servo would leave its range.
    #[error("the angle is out of range_deg")]
    Range,
    /// It would be on for longer than `max_on_ms`.
    #[error("it would be on for longer than max_on_ms")]
    MaxOn,
    /// Too soon after the last action.
    #[error("too soon: min_interval_ms has not passed")]
    MinInterval,
    /// A pulse is running.
    #[error("a pulse is running")]
    Busy,
    /// Another line of an interlock is on, may be on, or has been on too shortly before.
    #[error("interlocked with {0}, which is on, may be on, or went off less than dead_time_ms ago")]
    Interlock(Name),
    /// The hardware would not, or the line could not be opened.
    #[error("the line cannot be driven: {0}")]
    Driver(#[from] DriverError),
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownLine => "refused_unknown_line",
            Self::Action(_) => "refused_action",
            Self::Range => "refused_range",
            Self::MaxOn => "refused_max_on",
            Self::MinInterval => "refused_min_interval",
            Self::Busy => "refused_busy",
            Self::Interlock(_) => "refused_interlock",
            Self::Driver(_) => "refused_driver",
        }
    }
}
