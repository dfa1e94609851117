//! This module defines commands to devices and the results of commands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::line::Level;
use crate::name::Name;

/// The deadline of a command if the caller does not set `deadline_ms`, in milliseconds after the site accepts the
/// command.
pub const DEFAULT_DEADLINE_MS: u64 = 5_000;

/// The shortest deadline that a caller can set for a command, in milliseconds.
pub const MIN_DEADLINE_MS: u64 = 100;

/// The longest deadline that a caller can set for a command, in milliseconds.
pub const MAX_DEADLINE_MS: u64 = 60_000;

/// The maximum length of the id that a caller chooses for a command, in bytes.
pub const MAX_COMMAND_ID: usize = 64;

/// Returns whether a text is a valid command id. A command id has 1 to [`MAX_COMMAND_ID`] visible ASCII characters.
pub fn is_command_id(text: &str) -> bool {
    (1..=MAX_COMMAND_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The status of a command. `executed`, `refused`, `expired` and `unknown` are final. As an exception, a late report
/// from the device can replace `unknown` with the actual outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// The site has stored the command but has not sent the command to the device.
    Accepted,
    /// The site has sent the command to the device.
    Delivered,
    /// The device executed the command.
    Executed,
    /// The device refused the command, for example because the device's configuration does not allow the command.
    Refused,
    /// The deadline passed before the device executed the command. The device will not execute the command later.
    Expired,
    /// The site sent the command, but the device did not report an outcome. The device may have executed the command.
    Unknown,
}

impl CommandStatus {
    /// Returns whether the status is final. After a final status, the site sends no further status to the caller.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Delivered)
    }

    /// Returns the status as text, as used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Executed => "executed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Parses the status from the text that [`CommandStatus::as_str`] returns.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Delivered, Self::Executed, Self::Refused, Self::Expired, Self::Unknown]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// A command that a caller sends to the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// The command id that the caller chose. If the caller sends the same command with the same id again, the site
    /// returns the first result.
    pub id: String,
    /// The name of the device.
    pub device: Name,
    /// The name of the GPIO line on the device.
    pub line: Name,
    /// The name of the action, for example `set` or `pulse`.
    pub action: String,
    /// The arguments of the action.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// The deadline of the command, in milliseconds after the site accepts the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// The status of a command, as the site reports it to the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The command id that the caller chose.
    pub id: String,
    /// The name of the device.
    pub device: Name,
    /// The name of the GPIO line on the device.
    pub line: Name,
    /// The name of the action.
    pub action: String,
    /// The current status of the command.
    pub status: CommandStatus,
    /// The problem code of a failed command, for example `refused_max_on` or `outcome_unknown`. The field is absent if
    /// the device executed the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The level of the GPIO line immediately after the command, as the device reported the level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}
