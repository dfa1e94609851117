//! Refresh tokens. They are encrypted (JWE, A256KW + A256GCM), because only the edge reads them.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::object;
use crate::edge_keys::EdgeKeys;
use crate::policy::{Registered, claims};
use crate::refusal::Refusal;
use crate::{EDGE, site_audience};

/// How long a refresh token can stay unused, in seconds.
pub const LIFE: u64 = 30 * 86_400;

/// Distinguishes a refresh token from other data that is encrypted with the same key.
const PURPOSE: &str = "refresh";

/// The contents of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The site.
    pub site: Name,
    /// The user name.
    pub sub: String,
    /// The login that the token belongs to.
    pub family: String,
    /// The token's id, valid for one use.
    pub jti: String,
    /// When the token expires, in seconds of Unix time.
    pub exp: u64,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    purpose: String,
    family: String,
    site: Name,
}

impl RefreshClaims {
    /// Encrypts the token.
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

    /// Decrypts a refresh token that a client sent. The site checks whether the token was used before.
    pub fn open(token: &str, keys: &EdgeKeys, now: u64) -> Result<Self, Refusal> {
        let opened = keys.open_own(token)?;
        let custom: Custom = serde_json::from_value(Value::Object(opened.custom))
            .map_err(|_| Refusal::BadClaim("purpose", "it is not a refresh token".into()))?;
        if custom.purpose != PURPOSE {
            return Err(Refusal::BadClaim("purpose", "it is not a refresh token".into()));
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
