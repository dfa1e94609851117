//! Commands and what becomes of them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::line::Level;
use crate::name::Name;

/// The deadline of a command that names none, in milliseconds.
pub const DEFAULT_DEADLINE_MS: u64 = 5_000;

/// The shortest deadline that a caller may ask for, in milliseconds.
pub const MIN_DEADLINE_MS: u64 = 100;

/// The longest deadline that a caller may ask for, in milliseconds.
pub const MAX_DEADLINE_MS: u64 = 60_000;

/// The longest id that a caller may choose for a command, in bytes.
pub const MAX_COMMAND_ID: usize = 64;

/// Whether a text can be a command's id: 1 to [`MAX_COMMAND_ID`] visible ASCII characters.
pub fn is_command_id(text: &str) -> bool {
    (1..=MAX_COMMAND_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Where a command is in its life. The last four are final, but a late report may still turn
/// `unknown` into what really happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// Written down, not sent yet.
    Accepted,
    /// Sent to the device.
    Delivered,
    /// The device did it.
    Executed,
    /// The device, or its configuration, would not.
    Refused,
    /// Its deadline passed before it was done; it will not be done.
    Expired,
    /// Sent, and nothing heard: it may have been done.
    Unknown,
}

impl CommandStatus {
    /// Whether an answer has been given.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Delivered)
    }

    /// The word on the wire.
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

    /// Reads [`CommandStatus::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Delivered, Self::Executed, Self::Refused, Self::Expired, Self::Unknown]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// Chosen by the caller; the same id again returns the first result.
    pub id: String,
    /// The device.
    pub device: Name,
    /// The line on it.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// The action's arguments.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// How long the command may take, in milliseconds from its acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The caller's id.
    pub id: String,
    /// The device.
    pub device: Name,
    /// The line on it.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// Where the command is in its life.
    pub status: CommandStatus,
    /// A problem code (`refused_max_on`, `outcome_unknown`), unless it was executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The line's level right after, as the device reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}
