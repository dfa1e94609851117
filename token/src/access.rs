//! Access tokens (`at+jwt`, RFC 9068) of people and scripts, and the tokens of guest links.

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

/// The prefix of the subject of API tokens and guest links. The token's `jti` follows the prefix. A user name cannot
/// contain a colon.
pub const TOKEN_SUBJECT_PREFIX: &str = "token:";

/// The longest lifetime of a person's access token, in seconds.
pub const MAX_PERSON_LIFE: u64 = 600;

/// The longest lifetime of any access token, in seconds: ten years. Owners issue tokens with long lifetimes to
/// machines.
const MAX_LIFE: u64 = 10 * 366 * 86_400;

/// The claims of an access token, in addition to the registered claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The maximum permissions of the token.
    pub scope: ScopeSet,
    /// The site's generation when the token was issued. Raising the site's generation revokes older tokens.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The id of the login that the token belongs to. The token is valid only while this login exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Start of validity, in seconds of Unix time; absent if the token is valid immediately.
    #[serde(rename = "nbf", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
}

/// The contents of a new access token.
#[derive(Debug, Clone)]
pub struct AccessGrant<'a> {
    /// [`Kind::Access`] or [`Kind::Guest`].
    pub kind: Kind,
    /// The token's site.
    pub site: &'a Name,
    /// The subject: a user name, or [`TOKEN_SUBJECT_PREFIX`] and the token's id.
    pub sub: &'a str,
    /// The token's id.
    pub jti: String,
    /// The current time, in seconds of Unix time.
    pub now: u64,
    /// The token's lifetime, in seconds.
    pub life: u64,
    /// The other claims.
    pub claims: AccessClaims,
}

impl AccessGrant<'_> {
    /// Signs the token with the edge's current key.
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
    /// Verifies an access token that the edge signed. Returns the site that the token is for, and its claims.
    pub fn verify<'s>(
        token: &str,
        keys: &KeySet,
        sites: &'s [Name],
        now: u64,
        cache: &mut SignatureCache,
    ) -> Result<(&'s Name, Verified<Self>), Refusal> {
        Self::verify_kind(Kind::Access, token, keys, sites, Some(now), cache)
    }

    /// Like [`AccessClaims::verify`], for the token of a guest link. If `now` is `None`, the validity period is not
    /// checked.
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

/// Converts a struct of claims to a JSON object.
pub(crate) fn object<C: Serialize>(claims: &C) -> Object {
    match serde_json::to_value(claims) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => Object::new(),
    }
}
