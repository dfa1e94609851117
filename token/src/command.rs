//! Command tokens (`cmd+jwt`): one action on one line of one device, valid once and on one connection.

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
    /// The subject that sent the command.
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

/// The claims in addition to the registered claims. The name is `session` because jwt-simple parses `nonce` itself.
#[derive(Serialize, Deserialize)]
struct Custom {
    deadline: u64,
    session: String,
    line: Name,
    action: String,
    args: Map<String, Value>,
}

/// The verifying device, its connection, and the latest possible time.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The device's site.
    pub site: &'a Name,
    /// The device.
    pub device: &'a Name,
    /// The nonce of the connection that received the command.
    pub session: &'a str,
    /// The latest possible edge time now, in milliseconds: the estimate plus its uncertainty.
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
            // Up to a second after the deadline, so only `deadline` decides.
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

/// Verifies a command on its device. The caller must check for replays, by `jti`.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<CommandClaims, Refusal> {
    let audiences = [device_audience(expect.site, expect.device)];
    let policy = policy::Expect {
        kind: Kind::Command,
        issuer: EDGE,
        audiences: &audiences,
        // The check of `deadline` below replaces this one: it has millisecond precision, and its error separates
        // late commands from bad tokens.
        now: None,
        leeway: 0,
        max_life: Some(MAX_LIFE),
    };
    let Verified { registered, custom } = policy::verify::<Custom>(token, keys, &policy)?;
    if custom.session != expect.session {
        return Err(Refusal::WrongSession);
    }
    if custom.deadline > registered.exp.saturating_mul(1000) {
        return Err(Refusal::BadClaim("deadline", "it must not be after exp".into()));
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
