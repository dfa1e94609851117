//! This module signs and verifies receipts (`receipt+jwt`). With a receipt, a device states what it did with a command.
//! A receipt does not state what the hardware did, for example that a door moved.

use hmac_sha256::Hash;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jwt::b64;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::key::SigningKey;
use crate::kinds::access::object;
use crate::kinds::identity::DeviceIdentity;
use crate::kinds::statement::{self, Moment, Place};

/// The contents of a receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The `jti` of the command's `cmd+jwt`.
    pub command: String,
    /// The digest of the command's `cmd+jwt`, as returned by [`command_digest`].
    pub digest: String,
    /// The name of the GPIO line.
    pub line: Name,
    /// The name of the action.
    pub action: String,
    /// The arguments of the action in the command.
    pub args: Map<String, Value>,
    /// The final status of the command.
    pub status: CommandStatus,
    /// The reason for a refusal, in the form `refused_<reason>`.
    pub code: Option<String>,
    /// The level of the line immediately after the command.
    pub level: Option<Level>,
    /// When and in which order the device made the receipt.
    pub moment: Moment,
}

/// The claims that a receipt contains in addition to the registered claims.
#[derive(Serialize, Deserialize)]
struct Claims {
    command: String,
    #[serde(rename = "command_s256")]
    digest: String,
    action: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    args: Map<String, Value>,
    status: CommandStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(flatten)]
    moment: Moment,
}

/// Returns the SHA-256 digest of a command token, in base64url.
pub fn command_digest(token: &str) -> String {
    b64::encode(&Hash::hash(token.as_bytes()))
}

impl Receipt {
    /// Signs the receipt with the device's key.
    pub fn sign(self, key: &SigningKey, site: &Name, device: &Name) -> Result<String, Refusal> {
        let Self { command, digest, line, action, args, status, code, level, moment } = self;
        let claims = Claims { command, digest, action, args, status, code, level, moment: moment.clone() };
        let place = Place { site, device, line: &line };
        statement::sign(key, Kind::Receipt, &place, &moment, object(&claims))
    }

    /// Verifies a receipt of a device. The caller compares the command and its digest with the command.
    pub fn verify(token: &str, device: &DeviceIdentity) -> Result<Self, Refusal> {
        let stated = statement::verify::<Claims>(token, Kind::Receipt, device)?;
        let Claims { command, digest, action, args, status, code, level, moment } = stated.custom;
        if !matches!(status, CommandStatus::Executed | CommandStatus::Refused | CommandStatus::Expired) {
            return Err(Refusal::BadClaim("status", "the value must be a final status of a command".into()));
        }
        Ok(Self { command, digest, line: stated.line, action, args, status, code, level, moment })
    }
}
