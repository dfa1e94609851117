//! This module signs and verifies key sets (`keyset+jwt`). A key set contains the edge's public keys and a number, and
//! the owner's root key signs the key set.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::KeySet;
use crate::keys::key::{PublicKey, SigningKey};
use crate::kinds::access::object;
use crate::names::{ROOT, random_id};
use crate::policy::{self, Expect, Verified};

/// The audience of all key sets.
const AUDIENCE: &str = "urn:pinlatch:agents";

/// The lifetime of a key set, in seconds. The lifetime is long because a device can be offline for months. A key set
/// with a higher number replaces a key set with a lower number.
const LIFE: u64 = 10 * 366 * 86_400;

/// The contents of a key set that was verified.
#[derive(Debug, Clone)]
pub struct KeySetClaims {
    /// The number of the key set. A device never accepts a key set with a lower number than its current key set.
    pub number: u64,
    /// The public keys of the edge.
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

/// Verifies a key set with the root key that the device stored at its enrolment.
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
