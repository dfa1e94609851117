//! This module signs and verifies command tokens (`cmd+jwt`). A command token contains one action for one GPIO line of
//! one device. Each token is valid only once and only on one connection.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::edge_keys::keys::EdgeKeys;
use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::KeySet;
use crate::kinds::access::object;
use crate::names::{EDGE, device_audience};
use crate::policy::{self, Verified};

/// The longest lifetime of a command token, in seconds. The value is slightly longer than the longest deadline of a
/// command.
const MAX_LIFE: u64 = 62;

/// The contents of a command token.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandClaims {
    /// The id of the command. The device repeats the command id in its report.
    pub jti: String,
    /// The person, program or site that sent the command.
    pub sub: String,
    /// The deadline of the command as edge time, in milliseconds of Unix time.
    pub deadline_ms: u64,
    /// The name of the GPIO line.
    pub line: Name,
    /// The name of the action.
    pub action: String,
    /// The arguments of the action.
    pub args: Map<String, Value>,
    /// The digest of the holder's call that the command carries.
    pub call: Option<String>,
}

/// The claims that a command token contains in addition to the registered claims. The claim with the connection's nonce
/// is named `session`, because jwt-simple treats a claim named `nonce` as a registered claim.
#[derive(Serialize, Deserialize)]
struct Custom {
    deadline: u64,
    session: String,
    line: Name,
    action: String,
    args: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<String>,
}

/// The values that a device requires in a command token.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The site that the device belongs to.
    pub site: &'a Name,
    /// The name of the device.
    pub device: &'a Name,
    /// The nonce of the connection on which the device received the command.
    pub session: &'a str,
    /// The latest time that the edge's clock can show now, in milliseconds of Unix time. The value is the device's
    /// estimate of the edge time plus the uncertainty of this estimate.
    pub latest_edge_ms: u64,
}

impl CommandClaims {
    /// Signs the command with the edge's current signing key.
    pub fn sign(
        self,
        keys: &EdgeKeys,
        site: &Name,
        device: &Name,
        session: &str,
        now_ms: u64,
    ) -> Result<String, Refusal> {
        let registered = Registered {
            iss: EDGE.into(),
            sub: self.sub,
            aud: device_audience(site, device),
            jti: self.jti,
            iat: now_ms / 1000,
            // `exp` has whole seconds and can be up to one second after the deadline. The device therefore checks only
            // the claim `deadline`.
            exp: self.deadline_ms / 1000 + 1,
        };
        let custom = Custom {
            deadline: self.deadline_ms,
            session: session.into(),
            line: self.line,
            action: self.action,
            args: self.args,
            call: self.call,
        };
        keys.signer().sign(Kind::Command, &registered, object(&custom))
    }
}

/// Verifies a command token on the device that received the token. The caller must refuse a `jti` that the device has
/// already accepted.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<CommandClaims, Refusal> {
    let claims = verify_late(token, keys, expect)?;
    match expect.latest_edge_ms.checked_sub(claims.deadline_ms) {
        Some(late_ms) => Err(Refusal::DeadlinePassed(late_ms)),
        None => Ok(claims),
    }
}

/// Verifies a command token without comparing its deadline with the time. A device that does not run a late command can
/// thereby state which command was late.
pub fn verify_late(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<CommandClaims, Refusal> {
    let audiences = [device_audience(expect.site, expect.device)];
    let policy = policy::Expect {
        kind: Kind::Command,
        issuer: EDGE,
        audiences: &audiences,
        // `exp` is not compared with the current time. The check of `deadline` below is exact to the millisecond, and
        // its error code distinguishes a late command from an invalid token.
        now: None,
        leeway: 0,
        max_life: Some(MAX_LIFE),
    };
    let Verified { registered, custom } = policy::verify::<Custom>(token, keys, &policy)?;
    if custom.session != expect.session {
        return Err(Refusal::WrongSession);
    }
    if custom.deadline > registered.exp.saturating_mul(1000) {
        return Err(Refusal::BadClaim("deadline", "the value must not be later than `exp`".into()));
    }
    Ok(CommandClaims {
        jti: registered.jti,
        sub: registered.sub,
        deadline_ms: custom.deadline,
        line: custom.line,
        action: custom.action,
        args: custom.args,
        call: custom.call,
    })
}
