//! What the edge and an agent say to each other on `GET /api/v1/agent`.
//!
//! An upgrade without proof is answered 401 with `WWW-Authenticate: Pinlatch challenge="…"`. The retry
//! carries `Authorization: Bearer <devcert>` and [`PROOF_HEADER`]: a `devproof+jwt` with the claims
//! `challenge` and `session`, the agent's fresh nonce of this connection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::CommandStatus;
use crate::line::{Level, LineInfo};
use crate::name::Name;

/// The authentication scheme of the challenge.
pub const CHALLENGE_SCHEME: &str = "Pinlatch";

/// The header that carries the `devproof+jwt`.
pub const PROOF_HEADER: &str = "Pinlatch-Proof";

/// The header by which an agent that was replaced asks to connect only where no other one is connected as its device:
/// `?1` (RFC 8941 §3.3.6). Two agents of one identity so do not take the link from each other in turns.
pub const YIELD_HEADER: &str = "Pinlatch-Yield";

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
    /// The answer to [`FromAgent::Renew`].
    Certificate {
        /// The new `devcert+jwt`. The one before stays valid until it expires.
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
        /// How its machine is.
        #[serde(default)]
        machine: MachineInfo,
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
    /// Asks for a new certificate of the same key. Where it is too early, nothing is answered.
    Renew {
        /// The device's public key, as in its certificate.
        jwk: Value,
    },
    /// Asks for signed time.
    Time {
        /// Fresh random text, which the answer repeats as `session`.
        nonce: String,
    },
}

impl FromAgent {
    const TYPES: [&str; 6] = ["hello", "result", "event", "press", "renew", "time"];

    /// Reads a frame; `None` where a newer agent says something that this version has no words for.
    pub fn read(text: &str) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Tagged {
            r#type: String,
        }
        let error = match serde_json::from_str(text) {
            Ok(message) => return Ok(Some(message)),
            Err(error) => error,
        };
        match serde_json::from_str::<Tagged>(text) {
            Ok(Tagged { r#type }) if !Self::TYPES.contains(&r#type.as_str()) => Ok(None),
            _ => Err(error),
        }
    }
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

/// What an agent knows of the machine that it runs on, when it says hello. Older agents say nothing of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineInfo {
    /// For how long it has been up, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_s: Option<u64>,
    /// By how much its own clock is ahead of the edge's time, in milliseconds; negative where it is behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_agents_words_are_passed_over_and_wrong_ones_are_not() {
        for frame in [
            "{\"type\":\"press\",\"line\":\"bell\",\"long\":true,\"at_ms\":1}",
            "{\"type\":\"event\",\"line\":\"bell\",\"level\":null,\"at_ms\":1}",
            "{\"type\":\"event\",\"line\":\"bell\",\"at_ms\":1,\"more\":1}",
            "{\"type\":\"time\",\"nonce\":\"n\"}",
        ] {
            assert!(matches!(FromAgent::read(frame), Ok(Some(_))), "{frame}");
        }
        assert_eq!(FromAgent::read("{\"type\":\"song\",\"notes\":[1]}").unwrap(), None);
        for frame in ["", "[]", "{}", "{\"type\":7}", "{\"type\":\"press\"}", "{\"type\":\"song\""] {
            assert!(FromAgent::read(frame).is_err(), "{frame}");
        }
    }

    #[test]
    fn every_message_has_a_known_type() {
        let name = || Name::new("x").unwrap();
        let outcome = Outcome { id: "c".into(), status: CommandStatus::Executed, code: None, level: None };
        let messages = [
            FromAgent::Hello {
                version: "1".into(),
                lines: Vec::new(),
                outcomes: Vec::new(),
                machine: MachineInfo::default(),
            },
            FromAgent::Result(outcome),
            FromAgent::Event { line: name(), level: None, at_ms: 1 },
            FromAgent::Press { line: name(), long: false, at_ms: 1 },
            FromAgent::Renew { jwk: Value::Null },
            FromAgent::Time { nonce: "n".into() },
        ];
        let types = messages.map(|message| serde_json::to_value(message).unwrap()["type"].clone());
        assert_eq!(types, FromAgent::TYPES.map(serde_json::Value::from));
    }
}
