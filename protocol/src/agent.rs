//! This module defines the messages between the edge and a device's agent on the WebSocket `GET /api/v1/agent`.
//!
//! The agent first sends an upgrade request without a proof. The edge responds with 401 and the header
//! `WWW-Authenticate: Pinlatch challenge="…"`. The agent then sends a second upgrade request with `Authorization:
//! Bearer <devcert>` and [`PROOF_HEADER`]. The proof is a token of the kind `devproof+jwt`. The proof contains the
//! edge's challenge and a nonce in the claim `session`. The agent generates a new nonce for each connection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::{CommandStatus, SignedCall};
use crate::line::{Level, LineInfo, is_false};
use crate::name::Name;
#[cfg(test)]
use crate::rule::{MAX_RULES, RULES_IN_FRAME};
use crate::rule::{RuleInfo, RuleRun, is_zero};
use crate::text::is_base64url;

/// The maximum number of GPIO lines of a device. The `hello` message with the descriptions of all lines must fit into
/// one WebSocket frame.
pub const MAX_LINES: usize = 64;

/// The authentication scheme in the edge's `WWW-Authenticate` header.
pub const CHALLENGE_SCHEME: &str = "Pinlatch";

/// The request header that contains the agent's proof, a `devproof+jwt`.
pub const PROOF_HEADER: &str = "Pinlatch-Proof";

/// The request header with which an agent offers not to replace another connection. The agent sends the value `?1` (RFC
/// 8941 §3.3.6) after another agent has replaced its connection. If the header is present, the edge accepts the
/// connection only if no other agent is connected as the same device. Without the header, two agents with the same
/// identity would replace each other repeatedly.
pub const YIELD_HEADER: &str = "Pinlatch-Yield";

/// The codes of the warnings that an agent reports to its edge. The edge passes on codes that it does not know, because
/// a newer agent can have other warnings.
pub mod warning {
    /// The configuration file is invalid, so the agent runs with its last good configuration.
    pub const CONFIG_UNUSABLE: &str = "config_unusable";
    /// The device's disk is read-only, full or damaged, so the agent cannot store new keys.
    pub const STATE_NOT_STORED: &str = "state_not_stored";
    /// All codes of this version.
    pub const ALL: [&str; 2] = [CONFIG_UNUSABLE, STATE_NOT_STORED];
    /// The maximum length of a code, in bytes.
    pub const MAX_CODE: usize = 40;
    /// The maximum number of codes of one device.
    pub const MAX_CODES: usize = 8;

    /// Returns whether a text has the form of a code: lower-case letters, digits and `_`.
    pub fn is_code(text: &str) -> bool {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(is_part)
    }
}

/// The codes with which a device declines to sign a reading.
pub mod no_reading {
    /// The device has no line with this name.
    pub const UNKNOWN_LINE: &str = "unknown_line";
    /// The device cannot determine the level of the line now.
    pub const LEVEL_UNKNOWN: &str = "level_unknown";
    /// The device has just signed many readings.
    pub const BUSY: &str = "busy";
    /// All codes of this version.
    pub const ALL: [&str; 3] = [UNKNOWN_LINE, LEVEL_UNKNOWN, BUSY];
}

/// The maximum length of a statement that a device signs, in bytes. Statements are device identities, readings and
/// receipts.
pub const MAX_STATEMENT: usize = 2_048;

/// Returns whether a text has the form of a signed token (RFC 7515 §7.1) and at most [`MAX_STATEMENT`] bytes. The edge
/// passes such a text on without verifying it.
pub fn is_statement(text: &str) -> bool {
    let is_part = |part: &str| is_base64url(part, 1..=MAX_STATEMENT);
    text.len() <= MAX_STATEMENT && text.split('.').count() == 3 && text.split('.').all(is_part)
}

/// Messages that the edge sends to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToAgent {
    /// The first message on a connection.
    Welcome {
        /// A `welcome+jwt` that the edge signed. The token contains the edge time and the session nonce that the agent
        /// generated.
        jwt: String,
        /// The current `keyset+jwt`, which the owner's root key signed. The token contains the edge's public keys.
        keyset: String,
    },
    /// A command that the device must check and execute.
    Command {
        /// The command as a `cmd+jwt` that the edge signed.
        jwt: String,
        /// The call of a holder with its grant, for a line that only holders can operate. The command contains the digest
        /// of the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<SignedCall>,
    },
    /// Asks for a challenge for a holder's call. The device answers with [`FromAgent::Challenge`]. A question changes no
    /// line, so it is not signed. Older agents do not answer it.
    Challenge {
        /// The id of the question, which the device copies into its answer.
        question: String,
    },
    /// Asks for a signed reading of one GPIO line. The device answers with [`FromAgent::Reading`]. A question changes no
    /// line, so it is not signed. Older agents do not answer it.
    Read {
        /// The id of the question, which the device copies into its answer.
        question: String,
        /// The name of the GPIO line.
        line: Name,
        /// The nonce of the caller that wants the reading. The device copies the nonce into the reading.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<String>,
    },
    /// The response to [`FromAgent::Renew`].
    Certificate {
        /// The device's new certificate, a `devcert+jwt`. The previous certificate remains valid until its expiry.
        jwt: String,
    },
    /// The response to [`FromAgent::Time`].
    Time {
        /// A `welcome+jwt` with the edge time and the nonce from the agent's request.
        jwt: String,
    },
}

/// Messages that an agent sends to the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromAgent {
    /// The agent's first message on a connection. The agent sends the hello after the agent has verified the welcome.
    Hello {
        /// The version of the agent.
        version: String,
        /// The GPIO lines of the device and their current levels.
        lines: Vec<LineInfo>,
        /// The outcomes of commands that the agent could not report on its previous connection.
        #[serde(default)]
        outcomes: Vec<Outcome>,
        /// Information about the machine on which the agent runs.
        #[serde(default)]
        machine: MachineInfo,
        /// The codes of the agent's warnings, such as `state_not_stored`. The field is absent without warnings, and
        /// from older agents.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
        /// The number of rules of the device, which follow in messages of the type `rules`. The field is absent without
        /// rules, and from older agents.
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(test, schemars(range(max = MAX_RULES)))]
        rules: u32,
    },
    /// Reports the outcome of one command.
    Result(Outcome),
    /// Reports that the level of a GPIO line changed, or that the scheduled end of the level changed.
    Event {
        /// The name of the GPIO line.
        line: Name,
        /// The new level of the GPIO line. The field is absent if the device currently cannot determine the level.
        #[serde(default)]
        level: Option<Level>,
        /// The time of the level change, in milliseconds of Unix time. The agent computes the time of the change from
        /// its estimate of the edge time.
        at_ms: u64,
        /// The time from `at_ms` until the device ends the pulse or the blinking, or switches the line off because of
        /// `max_on_ms`, in milliseconds. The field is absent if no end is scheduled, and from older agents.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_in_ms: Option<u32>,
        /// Whether the line is blinking. The field is absent if the line is not blinking, and from older agents.
        #[serde(default, skip_serializing_if = "is_false")]
        blinking: bool,
        /// The new level as a `reading+jwt` that the device signed. The field is absent if the line does not have the
        /// setting `signed`, or if the device has just signed many readings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reading: Option<String>,
    },
    /// The answer to [`ToAgent::Read`]. It contains either `jwt` or `code`.
    Reading {
        /// The id of the question.
        question: String,
        /// The level of the line as a `reading+jwt` that the device signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwt: Option<String>,
        /// The reason why the device signed no reading, one of [`no_reading::ALL`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// The answer to [`ToAgent::Challenge`]. It contains both `challenge` and `boot`, or neither if the device accepts no
    /// calls.
    Challenge {
        /// The id of the question.
        question: String,
        /// The challenge, which a holder copies into its call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<String>,
        /// The id of the agent's run, which a holder copies into its call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<String>,
    },
    /// Reports that the button of a contact line was pressed. The agent also reports each change of the contact's level
    /// as [`FromAgent::Event`].
    Press {
        /// The name of the contact line.
        line: Name,
        /// Whether the press was long.
        long: bool,
        /// The time of the press, in milliseconds of Unix time. The agent computes the time of the press from its
        /// estimate of the edge time.
        at_ms: u64,
    },
    /// Reports that an input changed too often, so that the agent left out events. The agent always sends the first and
    /// the last level.
    LeftOut {
        /// The name of the GPIO line.
        line: Name,
        /// The number of changes and presses without a message since the last message of this type.
        count: u32,
    },
    /// Describes rules of the device, after the hello. A device with more than 32 rules sends several messages.
    Rules {
        /// The number of rules that the agent has already sent since its hello.
        first: u32,
        /// The next rules, in the order of the configuration.
        #[cfg_attr(test, schemars(length(max = RULES_IN_FRAME)))]
        rules: Vec<RuleInfo>,
    },
    /// Reports what a rule did. The agent sends a report again after it has connected again, until a pong confirms it.
    RuleRun(RuleRun),
    /// Requests a new device certificate for the device's existing key. If the current certificate is not old enough
    /// for a renewal, the edge sends no response.
    Renew {
        /// The public key in the device's current certificate, as a JWK.
        #[cfg_attr(test, schemars(with = "crate::schema::Jwk"))]
        jwk: Value,
    },
    /// Requests a `welcome+jwt` with the current edge time.
    Time {
        /// A random text that the agent generates for this request. The edge copies the text into the claim `session`
        /// of the response.
        nonce: String,
    },
}

impl FromAgent {
    const TYPES: [&str; 11] = [
        "hello",
        "result",
        "event",
        "reading",
        "challenge",
        "press",
        "left_out",
        "rules",
        "rule_run",
        "renew",
        "time",
    ];

    /// Parses a message from an agent. Returns `None` if the message type is unknown, because a newer agent can send
    /// message types that this version does not support.
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

/// The outcome of one command on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The `jti` of the command's `cmd+jwt`.
    pub id: String,
    /// The final status of the command: `executed`, `refused` or `expired`.
    pub status: CommandStatus,
    /// The reason for a refusal, in the form `refused_<reason>`. The field is absent if the device did not refuse the
    /// command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::problem::schemas::Refusal>"))]
    pub code: Option<String>,
    /// The level of the GPIO line immediately after the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The time until the device ends the pulse or the blinking, or switches the line off because of `max_on_ms`, in
    /// milliseconds. The field is absent if no end is scheduled, if the agent repeats an earlier outcome, and from older
    /// agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u32>,
    /// Whether the line is blinking. The field is absent if the line is not blinking, if the agent repeats an earlier
    /// outcome, and from older agents.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blinking: bool,
    /// The outcome as a `receipt+jwt` that the device signed. The field is absent if the line does not have the setting
    /// `receipts`. The outcomes in a hello have no receipts, because a hello must fit into one frame. The agent sends
    /// such an outcome again after the hello, with its receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

impl Outcome {
    /// Returns the outcome for a repetition. The remaining time is removed, because it is valid only for the first report.
    pub fn repeated(&self) -> Self {
        Self { ends_in_ms: None, blinking: false, ..self.clone() }
    }

    /// Returns the outcome for a hello, without its receipt.
    pub fn without_receipt(&self) -> Self {
        Self { receipt: None, ..self.clone() }
    }
}

/// Information about the machine on which an agent runs, measured when the agent sends its hello. Older agents do not
/// send information about the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MachineInfo {
    /// The time since the machine started, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_s: Option<u64>,
    /// The machine's clock minus the edge time, in milliseconds. The value is negative if the machine's clock is slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
    /// The time since the agent started, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_up_s: Option<u64>,
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
    fn an_older_agent_reports_no_end() {
        let event = r#"{"type":"event","line":"door","level":true,"at_ms":1}"#;
        let Some(FromAgent::Event { ends_in_ms, blinking, .. }) = FromAgent::read(event).unwrap() else {
            panic!()
        };
        assert_eq!((ends_in_ms, blinking), (None, false));
        let lines = r#"[{"name":"door","kind":"momentary"}]"#;
        let hello = format!(r#"{{"type":"hello","version":"0.1.0","lines":{lines}}}"#);
        let Some(FromAgent::Hello { lines, machine, .. }) = FromAgent::read(&hello).unwrap() else {
            panic!()
        };
        assert_eq!((lines[0].ends_in_ms, lines[0].blinking, lines[0].presses), (None, false, false));
        assert_eq!(machine, MachineInfo::default());
    }

    #[test]
    fn a_line_without_an_end_is_written_as_before() {
        let line = Name::new("door").unwrap();
        let event = FromAgent::Event {
            line,
            level: None,
            at_ms: 1,
            ends_in_ms: None,
            blinking: false,
            reading: None,
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text, r#"{"type":"event","line":"door","level":null,"at_ms":1}"#);
    }

    #[test]
    fn a_statement_is_a_short_signed_token() {
        assert!(is_statement("aB-_0.b.c"));
        let long = format!("a.{}.c", "b".repeat(MAX_STATEMENT - 4));
        assert!(is_statement(&long));
        for wrong in ["", "a.b", "a..c", "a.b.c.d", "a.b.c\n", "a.b.\u{e9}", &format!("{long}d")] {
            assert!(!is_statement(wrong), "{wrong}");
        }
    }

    #[test]
    fn every_message_has_a_known_type() {
        let name = || Name::new("x").unwrap();
        let outcome = Outcome {
            id: "c".into(),
            status: CommandStatus::Executed,
            code: None,
            level: None,
            ends_in_ms: None,
            blinking: false,
            receipt: None,
        };
        let run = RuleRun {
            boot: "b".into(),
            n: 1,
            rule: name(),
            line: name(),
            action: "toggle".into(),
            args: serde_json::Map::new(),
            code: None,
            level: None,
            ends_in_ms: None,
            blinking: false,
            desired: None,
            at_ms: Some(1),
        };
        let messages = [
            FromAgent::Hello {
                version: "1".into(),
                lines: Vec::new(),
                outcomes: Vec::new(),
                machine: MachineInfo::default(),
                warnings: Vec::new(),
                rules: 0,
            },
            FromAgent::Result(outcome),
            FromAgent::Event {
                line: name(),
                level: None,
                at_ms: 1,
                ends_in_ms: None,
                blinking: false,
                reading: None,
            },
            FromAgent::Reading { question: "q".into(), jwt: None, code: Some(no_reading::BUSY.into()) },
            FromAgent::Challenge {
                question: "q".into(),
                challenge: Some("c".into()),
                boot: Some("b".into()),
            },
            FromAgent::Press { line: name(), long: false, at_ms: 1 },
            FromAgent::LeftOut { line: name(), count: 1 },
            FromAgent::Rules { first: 0, rules: Vec::new() },
            FromAgent::RuleRun(run),
            FromAgent::Renew { jwk: Value::Null },
            FromAgent::Time { nonce: "n".into() },
        ];
        let types = messages.map(|message| serde_json::to_value(message).unwrap()["type"].clone());
        assert_eq!(types, FromAgent::TYPES.map(serde_json::Value::from));
    }
}
