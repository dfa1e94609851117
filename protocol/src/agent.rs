//! Messages between the edge and an agent on `GET /api/v1/agent`.
//!
//! The edge answers an upgrade without a proof with 401 and `WWW-Authenticate: Pinlatch challenge="…"`. The agent then
//! retries with `Authorization: Bearer <devcert>` and [`PROOF_HEADER`]. The proof is a `devproof+jwt` with the claims
//! `challenge` and `session`. `session` is a nonce that the agent chooses for each connection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::CommandStatus;
use crate::line::{Level, LineInfo};
use crate::name::Name;

/// The authentication scheme of the challenge.
pub const CHALLENGE_SCHEME: &str = "Pinlatch";

/// The header that carries the `devproof+jwt`.
pub const PROOF_HEADER: &str = "Pinlatch-Proof";

/// The header that an agent sends after another agent has replaced its connection, with the value `?1` (RFC 8941
/// §3.3.6). The edge then accepts the connection only if no other agent is connected as this device. So two agents with
/// the same identity do not replace each other repeatedly.
pub const YIELD_HEADER: &str = "Pinlatch-Yield";

/// Messages from the edge to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToAgent {
    /// The first frame.
    Welcome {
        /// A `welcome+jwt` that the edge signed. It contains the edge time and the agent's session nonce.
        jwt: String,
        /// The current `keyset+jwt`, signed by the owner's root key.
        keyset: String,
    },
    /// One command.
    Command {
        /// The signed command, a `cmd+jwt`.
        jwt: String,
    },
    /// The answer to [`FromAgent::Renew`].
    Certificate {
        /// The new `devcert+jwt`. The previous certificate stays valid until it expires.
        jwt: String,
    },
    /// The answer to [`FromAgent::Time`].
    Time {
        /// A `welcome+jwt` with the edge time and the nonce of the request.
        jwt: String,
    },
}

/// Messages from an agent to the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromAgent {
    /// The first frame, sent after the agent has verified the welcome.
    Hello {
        /// The agent's version.
        version: String,
        /// The device's lines with their levels.
        lines: Vec<LineInfo>,
        /// The outcomes of commands that could not be reported on the previous connection.
        #[serde(default)]
        outcomes: Vec<Outcome>,
        /// The state of the agent's machine.
        #[serde(default)]
        machine: MachineInfo,
    },
    /// The outcome of one command.
    Result(Outcome),
    /// The level of a line changed.
    Event {
        /// The line.
        line: Name,
        /// The line's new level; absent if the device does not know the level now.
        #[serde(default)]
        level: Option<Level>,
        /// Time of the event, in milliseconds of Unix time. The agent computes it from its estimate of the edge time.
        at_ms: u64,
    },
    /// A contact was pressed. The changes of its level are also sent, as [`FromAgent::Event`].
    Press {
        /// The line.
        line: Name,
        /// Whether it was a long press.
        long: bool,
        /// Time of the event, in milliseconds of Unix time. The agent computes it from its estimate of the edge time.
        at_ms: u64,
    },
    /// Requests a new certificate for the same key. If the request is too early, the edge does not answer.
    Renew {
        /// The device's public key, as in its certificate.
        jwk: Value,
    },
    /// Requests the signed edge time.
    Time {
        /// Fresh random text. The answer contains it in the claim `session`.
        nonce: String,
    },
}

impl FromAgent {
    const TYPES: [&str; 6] = ["hello", "result", "event", "press", "renew", "time"];

    /// Parses a frame. Returns `None` for a message type that this version does not know, because the agent is newer.
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

/// The outcome of one command on the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The `jti` of the `cmd+jwt`.
    pub id: String,
    /// `executed`, `refused` or `expired`.
    pub status: CommandStatus,
    /// The reason why the device refused the command: `refused_<reason>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The line's level immediately after the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// The state of the agent's machine when the agent sends its hello. Older agents do not send this state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineInfo {
    /// The machine's uptime, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_s: Option<u64>,
    /// The machine's clock minus edge time, in milliseconds; negative if the machine's clock is behind.
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
