//! This module defines commands to devices and the results of commands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[cfg(test)]
use crate::agent::MAX_STATEMENT;
use crate::agent::is_statement;
use crate::line::Level;
use crate::name::Name;
use crate::problem::{Code, Problem};
use crate::wire_enum::wire_enum;

/// The deadline of a command if the caller does not set `deadline_ms`, in milliseconds after the site accepts the
/// command.
pub const DEFAULT_DEADLINE_MS: u64 = 5_000;

/// The shortest deadline that a caller can set for a command, in milliseconds.
pub const MIN_DEADLINE_MS: u64 = 100;

/// The longest deadline that a caller can set for a command, in milliseconds.
pub const MAX_DEADLINE_MS: u64 = 60_000;

/// Returns whether a deadline, in milliseconds after the site accepts the command, is in the allowed range.
pub fn is_deadline(ms: u64) -> bool {
    (MIN_DEADLINE_MS..=MAX_DEADLINE_MS).contains(&ms)
}

/// Returns the problem for a deadline that is not a number or not in the allowed range.
pub fn bad_deadline() -> Problem {
    let rule = format!("`deadline_ms` must be a whole number from {MIN_DEADLINE_MS} to {MAX_DEADLINE_MS}");
    Problem::new(Code::InvalidArguments).detail(rule)
}

/// The maximum length of the id that a caller chooses for a command, in bytes.
pub const MAX_COMMAND_ID: usize = 64;

/// Returns whether a text is a valid command id. A command id has 1 to [`MAX_COMMAND_ID`] visible ASCII characters.
pub fn is_command_id(text: &str) -> bool {
    (1..=MAX_COMMAND_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

wire_enum! {
    /// The status of a command. `executed`, `refused`, `expired` and `unknown` are final. As an exception, a late
    /// report from the device can replace `unknown` with the actual outcome.
    pub enum CommandStatus {
        /// The site has stored the command but has not sent the command to the device.
        Accepted = "accepted",
        /// The site has sent the command to the device.
        Delivered = "delivered",
        /// The device executed the command.
        Executed = "executed",
        /// The device refused the command, for example because the device's configuration does not allow the command.
        Refused = "refused",
        /// The deadline passed before the device executed the command. The device will not execute the command later.
        Expired = "expired",
        /// The site sent the command, but the device did not report an outcome. The device may have executed the
        /// command.
        Unknown = "unknown",
    }
}

impl CommandStatus {
    /// Returns whether the status is final. After a final status, the site sends no further status to the caller.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Delivered)
    }
}

/// A command that a caller sends to the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandRequest {
    /// The command id that the caller chose. If the caller sends the same command with the same id again, the site
    /// returns the first result.
    #[cfg_attr(test, schemars(with = "schemas::CommandId"))]
    pub id: String,
    /// The name of the device.
    pub device: Name,
    /// The name of the GPIO line on the device.
    pub line: Name,
    /// The name of the action, for example `set` or `pulse`.
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Verb"))]
    pub action: String,
    /// The arguments of the action.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Arguments"))]
    pub args: Map<String, Value>,
    /// The deadline of the command, in milliseconds after the site accepts the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = MIN_DEADLINE_MS, max = MAX_DEADLINE_MS)))]
    pub deadline_ms: Option<u64>,
    /// The call of a holder, for a line that only holders can operate. The edge does not store the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<SignedCall>,
}

/// The header of a request with the call of a holder, a `call+jwt`.
pub const CALL_HEADER: &str = "Pinlatch-Call";

/// The header of a request with the grant of the holder, a `grant+jwt`.
pub const GRANT_HEADER: &str = "Pinlatch-Grant";

/// The call of a holder, with the holder's grant. The edge passes both on and cannot make either of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SignedCall {
    /// The call as a `call+jwt`, which the holder signed.
    #[cfg_attr(test, schemars(length(max = MAX_STATEMENT)))]
    pub call: String,
    /// The grant of the holder as a `grant+jwt`, which the owner's root key signed.
    #[cfg_attr(test, schemars(length(max = MAX_STATEMENT)))]
    pub grant: String,
}

impl SignedCall {
    /// Returns whether both parts have the form of a signed token.
    pub fn is_well_formed(&self) -> bool {
        is_statement(&self.call) && is_statement(&self.grant)
    }
}

/// The status of a command, as the site reports it to the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Command"))]
pub struct CommandResult {
    /// The command id that the caller chose.
    #[cfg_attr(test, schemars(with = "schemas::CommandId"))]
    pub id: String,
    /// The name of the device.
    pub device: Name,
    /// The name of the GPIO line on the device.
    pub line: Name,
    /// The name of the action.
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Verb"))]
    pub action: String,
    /// The current status of the command.
    pub status: CommandStatus,
    /// The problem code of a failed command, for example `refused_max_on` or `outcome_unknown`. The field is absent if
    /// the device executed the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::problem::schemas::ProblemCode>"))]
    pub code: Option<String>,
    /// The level of the GPIO line immediately after the command, as the device reported the level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The outcome as a `receipt+jwt` that the device signed. The field is absent if the line does not have the setting
    /// `receipts`. The edge does not verify the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(max = crate::agent::MAX_STATEMENT)))]
    pub receipt: Option<String>,
}

wire_enum! {
    /// The kind of a command's sender.
    pub enum SenderKind {
        /// A person who is logged in. The name is the user name.
        Person = "person",
        /// An API token of the site. The name is the name of the token.
        Api = "api",
        /// A guest link of the site. The name is the name of the link.
        Guest = "guest",
        /// A token of an external issuer. The name has the form `ISSUER#SUBJECT`.
        External = "external",
        /// A rule of the device. The name is the name of the rule.
        Rule = "rule",
        /// The site itself, which restores a desired level. The name is `site:reconcile`.
        Site = "site",
    }
}

/// The sender of a command, with the name at the time of the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sender {
    /// The kind of the sender.
    pub kind: SenderKind,
    /// The name of the sender.
    pub name: String,
}

/// The last action that the device executed on a line: a command of a caller or of the site, or an action of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LastCommand {
    /// The sender of the command.
    pub by: Sender,
    /// The name of the action.
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Verb"))]
    pub action: String,
    /// The arguments of the action.
    #[cfg_attr(test, schemars(with = "crate::line::schemas::Arguments"))]
    pub args: Map<String, Value>,
    /// The time of the command or of the rule's action, in milliseconds of Unix time.
    pub at_ms: u64,
}

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::MAX_COMMAND_ID;

    crate::schema::schemas! {
        struct CommandId = |_| json_schema!({
            "description": format!("The id of a command: 1 to {MAX_COMMAND_ID} visible ASCII characters."),
            "type": "string",
            "pattern": format!("^[!-~]{{1,{MAX_COMMAND_ID}}}$"),
        });
    }
}
