//! This module encrypts and decrypts refresh tokens. A refresh token is encrypted (JWE with A256KW and A256GCM),
//! because only the edge needs to read the token.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::edge_keys::keys::EdgeKeys;
use crate::jwt::claims::{Registered, claims};
use crate::jwt::refusal::Refusal;
use crate::kinds::access::object;
use crate::names::{EDGE, site_audience};

/// The time after which an unused refresh token expires, in seconds.
pub const LIFE: u64 = 30 * 86_400;

/// The purpose in a refresh token. The purpose distinguishes a refresh token from other data that is encrypted with the
/// same key.
const PURPOSE: &str = "refresh";

/// The contents of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The site that the refresh token is for.
    pub site: Name,
    /// The user name of the logged-in person.
    pub sub: String,
    /// The id of the login that the refresh token belongs to.
    pub family: String,
    /// The id of the refresh token. The site accepts each id only once.
    pub jti: String,
    /// The time when the refresh token expires, in seconds of Unix time.
    pub exp: u64,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    purpose: String,
    family: String,
    site: Name,
}

impl RefreshClaims {
    /// Encrypts the refresh token.
    pub fn seal(&self, keys: &EdgeKeys, now: u64) -> Result<String, Refusal> {
        let registered = Registered {
            iss: EDGE.into(),
            sub: self.sub.clone(),
            aud: site_audience(&self.site),
            jti: self.jti.clone(),
            iat: now,
            exp: self.exp,
        };
        let custom = Custom { purpose: PURPOSE.into(), family: self.family.clone(), site: self.site.clone() };
        keys.seal_own(claims(&registered, object(&custom)))
    }

    /// Decrypts a refresh token that a client sent. The site must then check whether the refresh token was already
    /// used.
    pub fn open(token: &str, keys: &EdgeKeys, now: u64) -> Result<Self, Refusal> {
        let opened = keys.open_own(token)?;
        let custom: Custom = serde_json::from_value(Value::Object(opened.custom))
            .map_err(|_| Refusal::BadClaim("purpose", "the encrypted text is not a refresh token".into()))?;
        if custom.purpose != PURPOSE {
            return Err(Refusal::BadClaim("purpose", "the encrypted text is not a refresh token".into()));
        }
        let exp = opened.expires_at.ok_or(Refusal::MissingClaim("exp"))?.as_secs();
        if now >= exp {
            return Err(Refusal::Expired(now - exp));
        }
        Ok(Self {
            site: custom.site,
            sub: opened.subject.ok_or(Refusal::MissingClaim("sub"))?,
            family: custom.family,
            jti: opened.jwt_id.ok_or(Refusal::MissingClaim("jti"))?,
            exp,
        })
    }
}
