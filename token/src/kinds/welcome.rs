//! This module signs and verifies the edge time (`welcome+jwt`). A device that requests the time sends a nonce, and the
//! welcome contains the nonce. The nonce proves to the device that the time is current.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};

use crate::edge_keys::keys::EdgeKeys;
use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::KeySet;
use crate::kinds::access::object;
use crate::names::{EDGE, random_id, site_audience};
use crate::policy::{self, Expect, Verified};

/// The lifetime of a welcome, in seconds.
const LIFE: u64 = 60;

/// The contents of a welcome that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The edge time when the welcome was signed, in milliseconds of Unix time.
    pub now_ms: u64,
    /// The site that the device belongs to.
    pub site: Name,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    session: String,
    now_ms: u64,
    site: Name,
}

/// Signs the edge time together with `session`, which is the nonce from the device.
pub fn sign(keys: &EdgeKeys, site: &Name, session: &str, now_ms: u64) -> Result<String, Refusal> {
    let registered = Registered {
        iss: EDGE.into(),
        sub: EDGE.into(),
        aud: site_audience(site),
        jti: random_id(),
        iat: now_ms / 1000,
        exp: now_ms / 1000 + LIFE,
    };
    let custom = Custom { session: session.into(), now_ms, site: site.clone() };
    keys.signer().sign(Kind::Welcome, &registered, object(&custom))
}

/// Verifies a welcome that contains the nonce `session`. The device needs no clock, because the nonce proves that the
/// welcome is new.
pub fn verify(token: &str, keys: &KeySet, session: &str, site: &Name) -> Result<Welcome, Refusal> {
    let expect = Expect {
        kind: Kind::Welcome,
        issuer: EDGE,
        audiences: &[site_audience(site)],
        now: None,
        leeway: 0,
        max_life: Some(LIFE),
    };
    let Verified { registered, custom } = policy::verify::<Custom>(token, keys, &expect)?;
    if custom.session != session {
        return Err(Refusal::WrongSession);
    }
    if custom.now_ms / 1000 != registered.iat {
        return Err(Refusal::BadClaim("now_ms", "the value differs from `iat`".into()));
    }
    Ok(Welcome { now_ms: custom.now_ms, site: custom.site })
}
