//! Defines the calls from the Worker to a gate.

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::{Name, UserName};
use serde::{Deserialize, Serialize};

use super::client::Attempt;

/// A call from the Worker to a gate's Durable Object. The reply is a list of password ids, which is empty except for
/// [`GateCall::Verify`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateCall {
    /// Returns the ids of the person's stored passwords that are equal to this password.
    Verify { attempt: Attempt, password: Secret },
    /// Stores a new password under the given id. `current` is the id of the password that counts at the site.
    Store {
        site: Name,
        username: UserName,
        id: String,
        password: Secret,
        source: Source,
        current: Option<String>,
    },
    /// Deletes a password that does not count.
    Forget { site: Name, username: UserName, id: String },
}

/// The proof with which a person chooses a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An invitation code or a setup code.
    Code,
    /// The current password.
    Change,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Change => "change",
        }
    }
}
