//! Commands and their results.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::line::Level;
use crate::name::Name;

/// The deadline of a command without `deadline_ms`, in milliseconds.
pub const DEFAULT_DEADLINE_MS: u64 = 5_000;

/// The shortest deadline that a caller can request, in milliseconds.
pub const MIN_DEADLINE_MS: u64 = 100;

/// The longest deadline that a caller can request, in milliseconds.
pub const MAX_DEADLINE_MS: u64 = 60_000;

/// The maximum length of a command id, in bytes.
pub const MAX_COMMAND_ID: usize = 64;

/// Whether a text is a valid command id: 1 to [`MAX_COMMAND_ID`] visible ASCII characters.
pub fn is_command_id(text: &str) -> bool {
    (1..=MAX_COMMAND_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The status of a command. The last four are final, with one exception: a late report can replace `unknown` with the
/// actual outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// The command is stored, but was not sent yet.
    Accepted,
    /// The command was sent to the device.
    Delivered,
    /// The device executed the command.
    Executed,
    /// The device refused the command, for example because of its configuration.
    Refused,
    /// The deadline passed before the command was executed. The command will not be executed.
    Expired,
    /// The command was sent, but no answer arrived. The device can have executed it.
    Unknown,
}

impl CommandStatus {
    /// Whether the status is final, so that the caller has an answer.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Delivered)
    }

    /// The status on the wire.
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

    /// Parses the text of [`CommandStatus::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Delivered, Self::Executed, Self::Refused, Self::Expired, Self::Unknown]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// A caller's command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// The id, chosen by the caller. If the caller sends the same id again, it receives the first result.
    pub id: String,
    /// The device.
    pub device: Name,
    /// The line on the device.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// The action's arguments.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// The deadline, in milliseconds after the site accepts the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The caller's id.
    pub id: String,
    /// The device.
    pub device: Name,
    /// The line on the device.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// The command's status.
    pub status: CommandStatus,
    /// A problem code (`refused_max_on`, `outcome_unknown`); absent if the command was executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The line's level immediately after the command, as the device reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}
