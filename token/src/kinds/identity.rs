//! This module signs and verifies device identities (`device+jwt`). With a device identity, the owner's root key states
//! that a public key is the key of a device. The edge passes a device identity on, but cannot make one.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::KeySet;
use crate::keys::key::{PublicKey, SigningKey};
use crate::kinds::access::object;
use crate::names::{ROOT, random_id, site_audience};
use crate::policy::{self, Expect, Verified};

/// The lifetime of a device identity and of the statements of a device, in seconds: about ten years.
pub(crate) const LIFE: u64 = 10 * 366 * 86_400;

/// The contents of a device identity that was verified.
#[derive(Debug, Clone)]
pub struct DeviceIdentity {
    /// The site that the device belongs to.
    pub site: Name,
    /// The name of the device.
    pub device: Name,
    /// The id of the device identity.
    pub jti: String,
    /// The time when the owner confirmed the device, in seconds of Unix time.
    pub iat: u64,
    /// The public key of the device.
    pub key: PublicKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    cnf: Confirmation,
}

/// The contents of the `cnf` claim (RFC 7800 §3.2): the public key of the device.
#[derive(Serialize, Deserialize)]
struct Confirmation {
    jwk: Value,
}

/// Signs a device identity with the owner's root key.
pub fn sign(
    root: &SigningKey,
    site: &Name,
    device: &Name,
    key: &PublicKey,
    now: u64,
) -> Result<String, Refusal> {
    let registered = Registered {
        iss: ROOT.into(),
        sub: device.to_string(),
        aud: site_audience(site),
        jti: random_id(),
        iat: now,
        exp: now + LIFE,
    };
    root.sign(Kind::Device, &registered, object(&Claims { cnf: Confirmation { jwk: key.to_jwk() } }))
}

impl DeviceIdentity {
    /// Verifies a device identity with the owner's root key. `now` is the current time, or `None` for a verifier
    /// without a clock. The caller checks that the device is the expected one.
    pub fn verify(token: &str, root: &PublicKey, site: &Name, now: Option<u64>) -> Result<Self, Refusal> {
        let expect = Expect {
            kind: Kind::Device,
            issuer: ROOT,
            audiences: &[site_audience(site)],
            now,
            leeway: 0,
            max_life: Some(LIFE),
        };
        let Verified { registered, custom } =
            policy::verify::<Claims>(token, &KeySet::from(root.clone()), &expect)?;
        Ok(Self {
            site: site.clone(),
            device: Name::new(registered.sub).map_err(|error| Refusal::BadClaim("sub", error.to_string()))?,
            jti: registered.jti,
            iat: registered.iat,
            key: PublicKey::from_jwk(&custom.cnf.jwk)
                .map_err(|error| Refusal::BadClaim("cnf", error.to_string()))?,
        })
    }

    /// Verifies a device identity of any site with the owner's root key. The caller checks the site and the device.
    pub fn verify_any_site(token: &str, root: &PublicKey, now: Option<u64>) -> Result<Self, Refusal> {
        let site = policy::unverified_site(token)
            .ok_or_else(|| Refusal::BadClaim("aud", "the value must be the audience of a site".into()))?;
        Self::verify(token, root, &site, now)
    }
}
