//! This module signs and verifies access tokens (`at+jwt`, RFC 9068) of people and scripts, and tokens of guest links
//! (`guest+jwt`).

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::scope::ScopeSet;
use serde::{Deserialize, Deserializer, Serialize};

use crate::edge_keys::keys::EdgeKeys;
use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Object;
use crate::keys::KeySet;
use crate::names::{EDGE, site_audience};
use crate::policy::cache::SignatureCache;
use crate::policy::{Expect, Verified, verify_own};

/// The longest lifetime of an access token that a verifier accepts, in seconds: about ten years.
const MAX_LIFE: u64 = 10 * 366 * 86_400;

/// The claims that an access token contains in addition to the registered claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The scopes that the token can have at most. The rights of a person can limit the scopes further. The claim is
    /// absent only in the token of a person's login, because the site stores the person's rights.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// The site's generation number when the token was issued. When an owner raises the site's generation number,
    /// tokens with a lower number become invalid.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The id of the login that the token belongs to. The token is valid only while the login is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The time when the person last proved their identity with a password or a login provider, in seconds of Unix time
    /// (OpenID Connect Core §2, RFC 9470 §6.2). Only the token of a login has this claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// The time when the token becomes valid, in seconds of Unix time. The claim is absent if the token is valid
    /// immediately.
    #[serde(rename = "nbf", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
}

/// The input for signing a new access token.
#[derive(Debug, Clone)]
pub struct AccessGrant<'a> {
    /// The kind of the new token: [`Kind::Access`] or [`Kind::Guest`].
    pub kind: Kind,
    /// The site that the new token is for.
    pub site: &'a Name,
    /// The subject of the new token: a user name, or the prefix [`TOKEN_SUBJECT_PREFIX`] followed by the token's id.
    pub sub: &'a str,
    /// The id of the new token.
    pub jti: String,
    /// The current time, in seconds of Unix time.
    pub now: u64,
    /// The lifetime of the new token, in seconds.
    pub life: u64,
    /// The claims that are not registered claims.
    pub claims: AccessClaims,
}

impl AccessGrant<'_> {
    /// Signs the token with the edge's current signing key.
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
    /// Verifies an access token that the edge signed. Returns the token's site and the token's claims.
    pub fn verify<'s>(
        token: &str,
        keys: &KeySet,
        sites: &'s [Name],
        now: u64,
        cache: &mut SignatureCache,
    ) -> Result<(&'s Name, Verified<Self>), Refusal> {
        Self::verify_kind(Kind::Access, token, keys, sites, Some(now), cache)
    }

    /// Verifies the token of a guest link. The function makes the same checks as
    /// [`AccessClaims::verify`]. If `now` is `None`, the function does not check whether the token
    /// is valid at the present time.
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
        let is_login = kind == Kind::Access
            && verified.custom.family.is_some()
            && UserName::new(verified.registered.sub.as_str()).is_ok();
        if verified.custom.scope.is_none() && !is_login {
            return Err(Refusal::MissingClaim("scope"));
        }
        Ok((site, verified))
    }
}

/// Reads a claim that may be absent, but must not be `null`.
fn present<'de, D: Deserializer<'de>>(claim: D) -> Result<Option<ScopeSet>, D::Error> {
    ScopeSet::deserialize(claim).map(Some)
}

/// Converts a struct of claims to a JSON object.
pub(crate) fn object<C: Serialize>(claims: &C) -> Object {
    match serde_json::to_value(claims) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => Object::new(),
    }
}
