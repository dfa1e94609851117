//! Command tokens (`cmd+jwt`): one action on one line of one device. Each token is valid once, on one connection.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::object;
use crate::edge_keys::EdgeKeys;
use crate::keys::KeySet;
use crate::kind::Kind;
use crate::policy::{self, Registered, Verified};
use crate::refusal::Refusal;
use crate::{EDGE, device_audience};

/// The longest lifetime of a command token, in seconds: the longest deadline, rounded up.
const MAX_LIFE: u64 = 62;

/// The contents of a command token.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandClaims {
    /// The command's id, used in the device's report.
    pub jti: String,
    /// The subject (person, program or site) that sent the command.
    pub sub: String,
    /// The deadline, in milliseconds of Unix time at the edge.
    pub deadline_ms: u64,
    /// The line.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// The action's arguments.
    pub args: Map<String, Value>,
}

/// The claims in addition to the registered claims. The nonce claim is named `session`, because jwt-simple parses
/// `nonce` itself.
#[derive(Serialize, Deserialize)]
struct Custom {
    deadline: u64,
    session: String,
    line: Name,
    action: String,
    args: Map<String, Value>,
}

/// The requirements of the device that verifies a command.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The device's site.
    pub site: &'a Name,
    /// The device.
    pub device: &'a Name,
    /// The nonce of the connection that received the command.
    pub session: &'a str,
    /// The latest possible current edge time, in milliseconds: the device's estimate plus the uncertainty of this
    /// estimate.
    pub latest_edge_ms: u64,
}

impl CommandClaims {
    /// Signs the command with the edge's current key.
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
            // `exp` can be up to one second after the deadline, so the device checks only `deadline`.
            exp: self.deadline_ms / 1000 + 1,
        };
        let custom = Custom {
            deadline: self.deadline_ms,
            session: session.into(),
            line: self.line,
            action: self.action,
            args: self.args,
        };
        keys.signer().sign(Kind::Command, &registered, object(&custom))
    }
}

/// Verifies a command on the device that received it. The caller must refuse a `jti` that it has already accepted.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<CommandClaims, Refusal> {
    let audiences = [device_audience(expect.site, expect.device)];
    let policy = policy::Expect {
        kind: Kind::Command,
        issuer: EDGE,
        audiences: &audiences,
        // `exp` is not compared with the time here. The check of `deadline` below has millisecond precision, and its
        // refusal distinguishes late commands from invalid tokens.
        now: None,
        leeway: 0,
        max_life: Some(MAX_LIFE),
    };
    let Verified { registered, custom } = policy::verify::<Custom>(token, keys, &policy)?;
    if custom.session != expect.session {
        return Err(Refusal::WrongSession);
    }
    if custom.deadline > registered.exp.saturating_mul(1000) {
        return Err(Refusal::BadClaim("deadline", "deadline must not be after exp".into()));
    }
    if expect.latest_edge_ms >= custom.deadline {
        return Err(Refusal::DeadlinePassed(expect.latest_edge_ms - custom.deadline));
    }
    Ok(CommandClaims {
        jti: registered.jti,
        sub: registered.sub,
        deadline_ms: custom.deadline,
        line: custom.line,
        action: custom.action,
        args: custom.args,
    })
}
