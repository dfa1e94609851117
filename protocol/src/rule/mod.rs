//! This module defines the rules of a device and the reports about what the rules did. An agent runs its rules itself.
//! The edge cannot change them, and shows them to people.

pub mod words;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::line::{Level, is_false};
use crate::name::Name;

/// The maximum number of rules of a device.
pub const MAX_RULES: usize = 64;

/// The maximum number of rules in one message of an agent, which must fit into one WebSocket frame.
pub const RULES_IN_FRAME: usize = 32;

/// The maximum length of the id of an agent's run, in bytes.
pub const MAX_BOOT: usize = 64;

/// Returns whether a text is a valid id of an agent's run. The id has 1 to [`MAX_BOOT`] visible ASCII characters.
pub fn is_boot(text: &str) -> bool {
    (1..=MAX_BOOT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A rule of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Rule"))]
pub struct RuleInfo {
    /// The name of the rule.
    pub name: Name,
    /// The condition under which the rule runs its action.
    pub when: Trigger,
    /// The line on which the rule runs its action.
    pub line: Name,
    /// The name of the action.
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Verb"))]
    pub action: String,
    /// The arguments of the action.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Arguments"))]
    pub args: Map<String, Value>,
    /// The time between the condition and the action, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_ms: u32,
}

/// The condition under which a rule runs its action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Trigger {
    /// A line goes on or off.
    Goes {
        /// The name of the line.
        line: Name,
        /// Whether the line goes on.
        on: bool,
    },
    /// A button is pressed.
    Press {
        /// The name of the contact.
        line: Name,
        /// Whether the press is long.
        #[serde(default, skip_serializing_if = "is_false")]
        long: bool,
    },
    /// A line has been on or off for a time.
    Lasts {
        /// The name of the line.
        line: Name,
        /// Whether the line is on.
        on: bool,
        /// The time for which the line must have this level, in milliseconds.
        for_ms: u32,
    },
    /// A number goes beyond a limit.
    Crosses {
        /// The name of the line.
        line: Name,
        /// Whether the number must be above the limit, and not below it.
        above: bool,
        /// The limit.
        limit: f64,
        /// The number must come back by this amount before the rule can run again.
        hysteresis: f64,
        /// The time for which the number must be beyond the limit, in milliseconds.
        for_ms: u32,
    },
    /// The connection to the edge is lost or back.
    Link {
        /// Whether the connection is back.
        up: bool,
        /// The time for which the connection must be lost or back, in milliseconds.
        for_ms: u32,
    },
}

impl Trigger {
    /// Returns the line that triggers the rule, or `None` if the connection to the edge triggers the rule.
    pub fn line(&self) -> Option<&Name> {
        match self {
            Self::Goes { line, .. }
            | Self::Press { line, .. }
            | Self::Lasts { line, .. }
            | Self::Crosses { line, .. } => Some(line),
            Self::Link { .. } => None,
        }
    }
}

/// What a rule did once. The site records each report exactly once, by `boot` and `n`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RuleRun {
    /// A random id of the agent's run, with 1 to 64 visible ASCII characters. It changes with each start of the
    /// agent.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_BOOT)))]
    pub boot: String,
    /// The number of the report in this run of the agent. The first report has the number 1. The agent sends the reports
    /// of one run in the order of their numbers. A gap means that the agent had to drop reports.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub n: u64,
    /// The name of the rule.
    pub rule: Name,
    /// The line on which the rule ran its action.
    pub line: Name,
    /// The name of the action.
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Verb"))]
    pub action: String,
    /// The arguments of the action.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Arguments"))]
    pub args: Map<String, Value>,
    /// The reason for a refusal, in the form `refused_<reason>`. The field is absent if the action was executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::problem::schemas::Refusal>"))]
    pub code: Option<String>,
    /// The level of the line right after the action. This field and the next three are absent in a report that the agent
    /// sends again, because the hello contains newer levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The time until the device ends the pulse or the blinking, or switches the line off because of `max_on_ms`, in
    /// milliseconds. The field is absent if no end is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u32>,
    /// Whether the line is blinking. The field is absent if the line is not blinking.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blinking: bool,
    /// The level that the line is to keep from now on, if the line has the setting `retain` and the rule set a level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Level>,
    /// The time of the action, in milliseconds of Unix time. The agent computes the time from its estimate of the edge
    /// time, or takes it from the clock of the machine if the machine has restarted since the action. The field is absent
    /// if the clock of the machine was not set at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
}

impl RuleRun {
    /// Returns the report for a repetition. The levels are removed, because they are valid only for the first report.
    pub fn repeated(&self) -> Self {
        Self { level: None, ends_in_ms: None, blinking: false, desired: None, ..self.clone() }
    }
}

/// Returns whether a member with the default 0 can be left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_a_short_visible_text() {
        for (text, valid) in [("a", true), ("a-_9", true), ("", false), ("a b", false), ("\u{e9}", false)] {
            assert_eq!(is_boot(text), valid, "{text}");
        }
        assert!(is_boot(&"a".repeat(MAX_BOOT)) && !is_boot(&"a".repeat(MAX_BOOT + 1)));
    }
}
