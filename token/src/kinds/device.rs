//! This module signs and verifies device certificates (`devcert+jwt`). The module also signs and verifies the proof
//! (`devproof+jwt`) that a device has the private key of its certificate.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::edge_keys::keys::EdgeKeys;
use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::KeySet;
use crate::keys::key::{PublicKey, SigningKey};
use crate::kinds::access::object;
use crate::kinds::code::Challenge;
use crate::names::{EDGE, is_nonce, site_audience};
use crate::policy::{self, Expect, Verified};

/// The lifetime of a device certificate, in seconds.
pub const CERT_LIFE: u64 = 366 * 86_400;

/// The contents of a device certificate that was verified.
#[derive(Debug, Clone)]
pub struct DeviceCert {
    /// The site that the device belongs to.
    pub site: Name,
    /// The name of the device.
    pub device: Name,
    /// The id of the certificate.
    pub jti: String,
    /// The time when the certificate expires, in seconds of Unix time.
    pub exp: u64,
    /// The public key of the device.
    pub key: PublicKey,
}

#[derive(Serialize, Deserialize)]
struct CertClaims {
    cnf: Confirmation,
}

/// The contents of the `cnf` claim (RFC 7800 §3.2): the public key of the device.
#[derive(Serialize, Deserialize)]
struct Confirmation {
    jwk: Value,
}

#[derive(Serialize, Deserialize)]
struct ProofClaims {
    challenge: String,
    session: String,
}

/// Signs a device certificate with the edge's current signing key.
pub fn sign_cert(
    keys: &EdgeKeys,
    site: &Name,
    device: &Name,
    key: &PublicKey,
    jti: &str,
    now: u64,
) -> Result<String, Refusal> {
    let registered = Registered {
        iss: EDGE.into(),
        sub: device.to_string(),
        aud: site_audience(site),
        jti: jti.into(),
        iat: now,
        exp: now + CERT_LIFE,
    };
    keys.signer().sign(
        Kind::DeviceCert,
        &registered,
        object(&CertClaims { cnf: Confirmation { jwk: key.to_jwk() } }),
    )
}

impl DeviceCert {
    /// Verifies a device certificate at the edge.
    pub fn verify(token: &str, keys: &KeySet, sites: &[Name], now: u64) -> Result<Self, Refusal> {
        let audiences: Vec<String> = sites.iter().map(site_audience).collect();
        let expect = Expect {
            kind: Kind::DeviceCert,
            issuer: EDGE,
            audiences: &audiences,
            now: Some(now),
            leeway: 0,
            max_life: Some(CERT_LIFE),
        };
        let Verified { registered, custom } = policy::verify::<CertClaims>(token, keys, &expect)?;
        let site = sites.iter().find(|site| site_audience(site) == registered.aud);
        let key = PublicKey::from_jwk(&custom.cnf.jwk)
            .map_err(|error| Refusal::BadClaim("cnf", error.to_string()))?;
        Ok(Self {
            site: site.ok_or(Refusal::MissingClaim("aud"))?.clone(),
            device: Name::new(registered.sub).map_err(|error| Refusal::BadClaim("sub", error.to_string()))?,
            jti: registered.jti,
            exp: registered.exp,
            key,
        })
    }

    /// Verifies that a proof was signed with the private key of this certificate. Returns the session nonce from the
    /// proof.
    pub fn verify_proof(&self, proof: &str, keys: &EdgeKeys, now: u64) -> Result<String, Refusal> {
        let expect = Expect {
            kind: Kind::DeviceProof,
            issuer: self.device.as_str(),
            audiences: &[site_audience(&self.site)],
            now: Some(now),
            leeway: 0,
            max_life: Some(Challenge::LIFE),
        };
        let own = KeySet::from(self.key.clone());
        let Verified { registered, custom } = policy::verify::<ProofClaims>(proof, &own, &expect)?;
        let issued = keys.open_challenge(&custom.challenge, now)?;
        if issued != registered.iat {
            return Err(Refusal::BadClaim("iat", "the value differs from the time in the challenge".into()));
        }
        if !is_nonce(&custom.session) {
            return Err(Refusal::BadClaim(
                "session",
                "the value must have 16 to 64 base64url characters".into(),
            ));
        }
        Ok(custom.session)
    }
}

/// Signs a proof for a challenge. The time in the proof is the edge time from the challenge, because the device's clock
/// can be wrong.
pub fn sign_proof(
    key: &SigningKey,
    site: &Name,
    device: &Name,
    challenge: &str,
    session: &str,
) -> Result<String, Refusal> {
    let issued = Challenge::time_of(challenge)
        .ok_or(Refusal::Malformed("the challenge from the edge has an unknown format"))?;
    let registered = Registered {
        iss: device.to_string(),
        sub: device.to_string(),
        aud: site_audience(site),
        jti: session.into(),
        iat: issued,
        exp: issued + Challenge::LIFE,
    };
    let claims = ProofClaims { challenge: challenge.into(), session: session.into() };
    key.sign(Kind::DeviceProof, &registered, object(&claims))
}
