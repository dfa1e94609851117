//! This module signs and verifies calls (`call+jwt`). With a call, a holder asks a device for one action on one line. The
//! holder signs the call with the key in its grant, so the edge cannot make or change a call.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jwt::b64;
use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Unverified;
use crate::keys::holder::{HolderKey, HolderPublicKey};
use crate::kinds::access::object;
use crate::names::device_audience;
use crate::policy::{self, Expect, Verified};

/// The time for which a call is valid after the device made its challenge if the holder chooses no other, in
/// milliseconds.
pub const DEFAULT_CALL_AGE_MS: u32 = 5_000;

/// The longest time for which a call is valid after the device made its challenge, in milliseconds.
pub const MAX_CALL_AGE_MS: u32 = 30_000;

/// The maximum length of a call, in bytes.
pub const MAX_CALL: usize = 2_048;

/// The lifetime in the dates of a call, in seconds. A device compares these dates with no clock: a call ends with its
/// challenge.
const LIFE: u64 = 60;

/// The start of the issuer (`iss`) of a call. The thumbprint of the holder's key follows.
const HOLDER_PREFIX: &str = "urn:pinlatch:holder:";

/// The contents of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallClaims {
    /// The id that the holder chose. A repetition of the same call has the same id.
    pub jti: String,
    /// The name of the GPIO line.
    pub line: Name,
    /// The name of the action.
    pub action: String,
    /// The arguments of the action.
    pub args: Map<String, Value>,
    /// The challenge of the device.
    pub challenge: String,
    /// The id of the agent's run that made the challenge.
    pub boot: String,
    /// The time for which the call is valid after the device made the challenge, in milliseconds.
    pub max_age_ms: u32,
}

/// The claims that a call contains in addition to the registered claims.
#[derive(Serialize, Deserialize)]
struct Claims {
    line: Name,
    action: String,
    args: Map<String, Value>,
    challenge: String,
    boot: String,
    max_age_ms: u32,
}

impl CallClaims {
    /// Signs the call with the holder's key. `now` is the time of the holder, in seconds of Unix time.
    pub fn sign(self, key: &HolderKey, site: &Name, device: &Name, now: u64) -> Result<String, Refusal> {
        check_age(self.max_age_ms)?;
        let holder = key.public().thumbprint();
        let registered = Registered {
            iss: format!("{HOLDER_PREFIX}{holder}"),
            sub: holder.into(),
            aud: device_audience(site, device),
            jti: self.jti,
            iat: now,
            exp: now.saturating_add(LIFE),
        };
        let claims = Claims {
            line: self.line,
            action: self.action,
            args: self.args,
            challenge: self.challenge,
            boot: self.boot,
            max_age_ms: self.max_age_ms,
        };
        let token = key.sign(Kind::Call, &registered, object(&claims))?;
        if token.len() > MAX_CALL { Err(too_long()) } else { Ok(token) }
    }

    /// Verifies a call with the key of its holder, which the holder's grant contains. The caller has to check the
    /// challenge, the grant, and that the device has not run the call yet.
    pub fn verify(
        token: &str,
        holder: &HolderPublicKey,
        site: &Name,
        device: &Name,
    ) -> Result<Self, Refusal> {
        if token.len() > MAX_CALL {
            return Err(too_long());
        }
        let expect = Expect {
            kind: Kind::Call,
            issuer: &format!("{HOLDER_PREFIX}{}", holder.thumbprint()),
            audiences: &[device_audience(site, device)],
            now: None,
            leeway: 0,
            max_life: Some(LIFE),
        };
        let Verified { registered, custom } = policy::verify::<Claims>(token, holder.keys(), &expect)?;
        check_age(custom.max_age_ms)?;
        Ok(Self {
            jti: registered.jti,
            line: custom.line,
            action: custom.action,
            args: custom.args,
            challenge: custom.challenge,
            boot: custom.boot,
            max_age_ms: custom.max_age_ms,
        })
    }

    /// Returns the challenge in a call that is not verified yet, with the time for which the call is valid after it. A
    /// device checks the challenge before the signatures, because this check costs much less.
    pub fn unverified_challenge(token: &str) -> Option<(String, u32)> {
        if token.len() > MAX_CALL {
            return None;
        }
        let payload = Unverified::parse(token).ok()?.payload;
        let challenge = payload.get("challenge")?.as_str()?.to_owned();
        let max_age_ms = u32::try_from(payload.get("max_age_ms")?.as_u64()?).ok()?;
        Some((challenge, max_age_ms))
    }
}

/// Returns the SHA-256 digest of a call in base64url. A command token that carries a call contains this digest.
pub fn call_digest(call: &str) -> String {
    b64::encode(&hmac_sha256::Hash::hash(call.as_bytes()))
}

fn check_age(max_age_ms: u32) -> Result<(), Refusal> {
    if (1..=MAX_CALL_AGE_MS).contains(&max_age_ms) {
        return Ok(());
    }
    Err(Refusal::BadClaim("max_age_ms", format!("the value must be from 1 to {MAX_CALL_AGE_MS}")))
}

fn too_long() -> Refusal {
    Refusal::Malformed("a call must have at most 2,048 bytes")
}
