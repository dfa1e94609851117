//! Command tokens (`cmd+jwt`): one action on one line of one device, on one connection, once.

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

/// The longest life of a command, in seconds: the longest deadline, rounded up.
const MAX_LIFE: u64 = 62;

/// What a command says.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandClaims {
    /// Its id, by which the device reports on it.
    pub jti: String,
    /// On whose behalf.
    pub sub: String,
    /// When it must be done by: milliseconds of Unix time at the edge.
    pub deadline_ms: u64,
    /// The line.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// The action's arguments.
    pub args: Map<String, Value>,
}

/// The claims beside the registered ones. `session` and not `nonce`, which jwt-simple parses itself.
#[derive(Serialize, Deserialize)]
struct Custom {
    deadline: u64,
    session: String,
    line: Name,
    action: String,
    args: Map<String, Value>,
}

/// Who checks, and what they know of the time.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The device's site.
    pub site: &'a Name,
    /// The device.
    pub device: &'a Name,
    /// The nonce of the connection that the command came by.
    pub session: &'a str,
    /// The latest that edge time can be now, in milliseconds: the estimate plus its uncertainty.
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
            // Past the deadline by up to a second, so that `deadline` alone decides.
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

/// Verifies a command on its device. Replay is the caller's to check, by `jti`.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<CommandClaims, Refusal> {
    let audiences = [device_audience(expect.site, expect.device)];
    let policy = policy::Expect {
        kind: Kind::Command,
        issuer: EDGE,
        audiences: &audiences,
        // `deadline` is the same check in milliseconds, and tells an honest lateness from a bad token.
        now: None,
        leeway: 0,
        max_life: Some(MAX_LIFE),
    };
    let Verified { registered, custom } = policy::verify::<Custom>(token, keys, &policy)?;
    if custom.session != expect.session {
        return Err(Refusal::WrongSession);
    }
    if custom.deadline > registered.exp.saturating_mul(1000) {
        return Err(Refusal::BadClaim("deadline", "it is after exp".into()));
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
