//! What the edge and an agent say to each other on `GET /api/v1/agent`.
//!
//! An upgrade without proof is answered 401 with `WWW-Authenticate: Pinlatch challenge="…"`. The retry
//! carries `Authorization: Bearer <devcert>` and [`PROOF_HEADER`]: a `devproof+jwt` with the claims
//! `challenge` and `session`, the agent's fresh nonce of this connection.

use serde::{Deserialize, Serialize};

use crate::command::CommandStatus;
use crate::line::{Level, LineInfo};
use crate::name::Name;

/// The authentication scheme of the challenge.
pub const CHALLENGE_SCHEME: &str = "Pinlatch";

/// The header that carries the `devproof+jwt`.
pub const PROOF_HEADER: &str = "Pinlatch-Proof";

/// Edge to agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToAgent {
    /// The first frame.
    Welcome {
        /// A `welcome+jwt` by the edge's signing key over the agent's session nonce, with edge time.
        jwt: String,
        /// The current `keyset+jwt`, signed by the owner's root key.
        keyset: String,
    },
    /// One command: a `cmd+jwt`.
    Command {
        /// The signed command.
        jwt: String,
    },
    /// The answer to [`FromAgent::Time`]: a `welcome+jwt` over the request's nonce.
    Time {
        /// The signed time.
        jwt: String,
    },
}

/// Agent to edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromAgent {
    /// The first frame, once the welcome has been verified.
    Hello {
        /// The agent's version.
        version: String,
        /// Its lines with their levels.
        lines: Vec<LineInfo>,
        /// What became of the last connection's commands that were not reported there.
        #[serde(default)]
        outcomes: Vec<Outcome>,
    },
    /// What became of one command.
    Result(Outcome),
    /// A line changed.
    Event {
        /// Which line.
        line: Name,
        /// Its new level; absent where the device no longer knows it.
        #[serde(default)]
        level: Option<Level>,
        /// When, in milliseconds of Unix time by the agent's estimate of edge time.
        at_ms: u64,
    },
    /// A contact was pressed, beside the events of its level.
    Press {
        /// Which line.
        line: Name,
        /// Whether it was held for long.
        long: bool,
        /// When, in milliseconds of Unix time by the agent's estimate of edge time.
        at_ms: u64,
    },
    /// Asks for signed time.
    Time {
        /// Fresh random text, which the answer repeats as `session`.
        nonce: String,
    },
}

/// What became of one command on the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The `jti` of the `cmd+jwt`.
    pub id: String,
    /// `executed`, `refused` or `expired`.
    pub status: CommandStatus,
    /// Why it was refused: `refused_<reason>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The line's level right after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}
