//! Access tokens (`at+jwt`, RFC 9068): what people and scripts show the edge.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};

use crate::cache::SignatureCache;
use crate::edge_keys::EdgeKeys;
use crate::keys::KeySet;
use crate::kind::Kind;
use crate::policy::{Expect, Registered, Verified, verify_own};
use crate::refusal::Refusal;
use crate::strict::Object;
use crate::{EDGE, site_audience};

/// How the subject of an API token or guest link begins; its `jti` follows. No user name has a colon.
pub const MINTED: &str = "token:";

/// The longest life of a person's access token, in seconds.
pub const MAX_PERSON_LIFE: u64 = 600;

/// The longest life of any access token, in seconds: ten years, for what an owner mints for a machine.
const MAX_LIFE: u64 = 10 * 366 * 86_400;

/// The claims that an access token has beside the registered ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// What the token may do at most.
    pub scope: ScopeSet,
    /// The site's generation when it was minted; raising the site's voids older ones.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The login that it belongs to, whose end ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// When it begins, seconds of Unix time, if not at once.
    #[serde(rename = "nbf", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
}

/// What a new access token shall say.
#[derive(Debug, Clone)]
pub struct AccessGrant<'a> {
    /// [`Kind::Access`] or [`Kind::Guest`].
    pub kind: Kind,
    /// The site it is for.
    pub site: &'a Name,
    /// The user name, or an API token's own name.
    pub sub: &'a str,
    /// Its id.
    pub jti: String,
    /// Seconds of Unix time.
    pub now: u64,
    /// Its life in seconds.
    pub life: u64,
    /// The other claims.
    pub claims: AccessClaims,
}

impl AccessGrant<'_> {
    /// Signs it with the edge's current key.
    pub fn sign(&self, keys: &EdgeKeys) -> Result<String, Refusal> {
        let registered = Registered {
            iss: EDGE.into(),
            sub: self.sub.into(),
            aud: site_audience(self.site),
            jti: self.jti.clone(),
            iat: self.now,
            exp: self.now + self.life,
        };
        keys.signer().sign(self.kind, &registered, object(&self.claims))
    }
}

impl AccessClaims {
    /// Verifies an access token of ours for one of the deployment's sites, and says for which.
    pub fn verify<'s>(
        token: &str,
        keys: &KeySet,
        sites: &'s [Name],
        now: u64,
        cache: &mut SignatureCache,
    ) -> Result<(&'s Name, Verified<Self>), Refusal> {
        Self::verify_kind(Kind::Access, token, keys, sites, Some(now), cache)
    }

    /// As [`AccessClaims::verify`], for a guest link's token. Without a time its window is not looked at.
    pub fn verify_guest<'s>(
        token: &str,
        keys: &KeySet,
        sites: &'s [Name],
        now: Option<u64>,
        cache: &mut SignatureCache,
    ) -> Result<(&'s Name, Verified<Self>), Refusal> {
        Self::verify_kind(Kind::Guest, token, keys, sites, now, cache)
    }

    fn verify_kind<'s>(
        kind: Kind,
        token: &str,
        keys: &KeySet,
        sites: &'s [Name],
        now: Option<u64>,
        cache: &mut SignatureCache,
    ) -> Result<(&'s Name, Verified<Self>), Refusal> {
        let audiences: Vec<String> = sites.iter().map(site_audience).collect();
        let expect =
            Expect { kind, issuer: EDGE, audiences: &audiences, now, leeway: 0, max_life: Some(MAX_LIFE) };
        let verified: Verified<Self> = verify_own(token, keys, &expect, Some(cache))?;
        let site = sites.iter().find(|site| site_audience(site) == verified.registered.aud);
        let site = site.ok_or(Refusal::MissingClaim("aud"))?;
        Ok((site, verified))
    }
}

/// A struct of claims as a JSON object.
pub(crate) fn object<C: Serialize>(claims: &C) -> Object {
    match serde_json::to_value(claims) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => Object::new(),
    }
}
