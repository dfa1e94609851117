//! Refresh tokens: sealed (JWE, A256KW + A256GCM), because only the edge reads what it wrote.

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::object;
use crate::edge_keys::EdgeKeys;
use crate::policy::{Registered, claims};
use crate::refusal::Refusal;
use crate::{EDGE, site_audience};

/// How long a refresh token may lie unused, in seconds.
pub const LIFE: u64 = 30 * 86_400;

/// Distinguishes a refresh token from anything else that is ever sealed with the same key.
const PURPOSE: &str = "refresh";

/// What a refresh token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The site.
    pub site: Name,
    /// Whose login.
    pub sub: String,
    /// The login.
    pub family: String,
    /// Its own id, good for one use.
    pub jti: String,
    /// When it expires, seconds of Unix time.
    pub exp: u64,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    purpose: String,
    family: String,
    site: Name,
}

impl RefreshClaims {
    /// Seals the token.
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

    /// Opens a token that came back. Whether it was used before is for the site to say.
    pub fn open(token: &str, keys: &EdgeKeys, now: u64) -> Result<Self, Refusal> {
        let opened = keys.open_own(token)?;
        let custom: Custom = serde_json::from_value(Value::Object(opened.custom))
            .map_err(|_| Refusal::BadClaim("purpose", "no refresh token".into()))?;
        if custom.purpose != PURPOSE {
            return Err(Refusal::BadClaim("purpose", "no refresh token".into()));
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
