//! Key sets (`keyset+jwt`): the edge's public keys and a number, signed by the owner's root key.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::object;
use crate::key::{PublicKey, SigningKey};
use crate::keys::KeySet;
use crate::kind::Kind;
use crate::policy::{self, Expect, Registered, Verified};
use crate::refusal::Refusal;
use crate::{ROOT, random_id};

/// The audience of key sets.
const AUDIENCE: &str = "urn:pinlatch:agents";

/// The lifetime of a key set, in seconds. It is long, because a device can be offline for months. A key set is replaced
/// by a key set with a higher number.
const LIFE: u64 = 10 * 366 * 86_400;

/// A verified key set.
#[derive(Debug, Clone)]
pub struct KeySetClaims {
    /// The key set's number. A device never accepts a key set with a lower number.
    pub number: u64,
    /// The edge's public keys.
    pub keys: KeySet,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    number: u64,
    jwks: Value,
}

/// Signs a key set with the owner's root key.
pub fn sign(root: &SigningKey, number: u64, keys: &KeySet, now: u64) -> Result<String, Refusal> {
    let registered = Registered {
        iss: ROOT.into(),
        sub: ROOT.into(),
        aud: AUDIENCE.into(),
        jti: random_id(),
        iat: now,
        exp: now + LIFE,
    };
    root.sign(Kind::KeySet, &registered, object(&Custom { number, jwks: keys.to_jwks() }))
}

/// Verifies a key set with the pinned root key.
pub fn verify(token: &str, root: &PublicKey) -> Result<KeySetClaims, Refusal> {
    let expect = Expect {
        kind: Kind::KeySet,
        issuer: ROOT,
        audiences: &[AUDIENCE.to_owned()],
        now: None,
        leeway: 0,
        max_life: Some(LIFE),
    };
    let Verified { custom, .. } = policy::verify::<Custom>(token, &KeySet::from(root.clone()), &expect)?;
    let keys =
        KeySet::from_own_jwks(&custom.jwks).map_err(|error| Refusal::BadClaim("jwks", error.to_string()))?;
    Ok(KeySetClaims { number: custom.number, keys })
}
