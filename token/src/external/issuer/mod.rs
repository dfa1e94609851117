//! This module handles tokens of external issuers. An external issuer signs tokens with its own keys, and one site of
//! the deployment accepts the tokens of the issuer.
//!
//! Each external issuer has a table `[vars.ISSUERS.NAME]` in the deployment's configuration. If the table of an issuer
//! is invalid, the edge answers requests with a token of the issuer with 503. An invalid table does not affect the
//! other issuers.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{ScopeError, ScopeSet};
use serde::Deserialize;
use serde_json::Value;

use crate::external::uri::private_uri;
use crate::jwt::kind::{Kind, is_type};
use crate::jwt::refusal::{Refusal, excerpt};
use crate::jwt::strict::{Object, Unverified};
use crate::keys::KeySet;
use crate::keys::alg::Algorithm;
use crate::keys::key_error::KeyError;
use crate::policy::cache::SignatureCache;
use crate::policy::{Accepted, Terms, Typ, text, verify_foreign_cached};

/// The accepted difference between the clock of an external issuer and the clock of the edge, in seconds.
const LEEWAY: u64 = 60;

/// The reserved prefix of Pinlatch's own issuer names. An external issuer must not use the reserved prefix.
const OWN: &str = "urn:pinlatch:";

/// An external issuer with a valid configuration.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The name of the issuer's table in the configuration.
    pub name: String,
    /// The issuer's `iss`. The `iss` of a token must be equal to the configured `iss`, byte by byte.
    pub issuer: String,
    /// The site that accepts tokens of this issuer.
    pub site: Name,
    audience: [String; 1],
    typ: Vec<String>,
    max_life: Option<u64>,
    keys: Keys,
    ceiling: ScopeSet,
    scope_claim: Option<String>,
}

/// The source of an external issuer's keys.
#[derive(Debug, Clone)]
enum Keys {
    /// The configuration contains the issuer's keys.
    Here(KeySet),
    /// The issuer publishes its keys at a URL.
    At { uri: String, algorithms: Vec<Algorithm> },
}

/// The contents of an accepted token from an external issuer. The site can still refuse the token, for example because
/// the token is revoked.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The site that accepts the token.
    pub site: Name,
    /// The issuer (`iss`) of the token.
    pub iss: String,
    /// The subject (`sub`) of the token.
    pub sub: String,
    /// The id of the token. If the token has no `jti`, the id is computed from a digest of the token. An owner can
    /// revoke the token by its id.
    pub jti: String,
    /// The scopes that the token can have at most.
    pub scope: ScopeSet,
    /// The time when the token was issued, in seconds of Unix time.
    pub iat: u64,
    /// The time when the token stops being accepted, in seconds of Unix time: `exp` plus the tolerance for the issuer's
    /// clock.
    pub until: u64,
}

/// All external issuers of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Issuers {
    good: Vec<Issuer>,
    /// The issuers with an invalid table. Each tuple contains the issuer's name, its `iss` if the `iss` can be read,
    /// and the error in the table.
    broken: Vec<(String, Option<String>, String)>,
}

/// The reason why a token of an external issuer is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The token failed a check.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The configuration of the token's issuer is invalid. The field contains the issuer's name.
    #[error("the configuration of the issuer {0:?} is invalid")]
    Broken(String),
}

/// The table of an external issuer in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    issuer: String,
    site: Name,
    audience: String,
    scope: String,
    #[serde(default)]
    scope_claim: Option<String>,
    #[serde(default)]
    typ: Vec<String>,
    #[serde(default)]
    algorithms: Vec<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    keys: Option<String>,
    #[serde(default)]
    jwks_uri: Option<String>,
    #[serde(default)]
    max_life: Option<u64>,
}

impl Issuers {
    /// Reads the external issuers from the configuration. `tables` contains one table for each issuer, under the
    /// issuer's name. `secret` returns the value of the secret with the given name.
    pub fn read(tables: &Value, sites: &[Name], secret: impl Fn(&str) -> Option<String>) -> Self {
        let mut issuers = Self::default();
        let empty = Object::new();
        for (name, table) in tables.as_object().unwrap_or(&empty) {
            let read = Issuer::read(name, table, sites, &secret).and_then(|issuer| {
                let twin =
                    |other: &Issuer| other.issuer == issuer.issuer && other.audience == issuer.audience;
                match issuers.good.iter().find(|other| twin(other)) {
                    Some(other) => Err(format!("issuer {:?} has the same issuer and audience", other.name)),
                    None => Ok(issuer),
                }
            });
            match read {
                Ok(issuer) => issuers.good.push(issuer),
                Err(reason) => {
                    let iss = table.get("issuer").and_then(Value::as_str).map(str::to_owned);
                    issuers.broken.push((name.clone(), iss, reason));
                }
            }
        }
        issuers
    }

    /// Marks an issuer as invalid if the issuer's audience is one of these client ids. The audience of an `id_token` is
    /// a client id, and the edge must never accept an `id_token` as an access token.
    pub fn forbid_audiences<'a>(&mut self, clients: impl Iterator<Item = &'a str>) {
        let clients: Vec<&str> = clients.collect();
        let (broken, good) = std::mem::take(&mut self.good)
            .into_iter()
            .partition(|issuer| issuer.audience.iter().any(|own| clients.contains(&own.as_str())));
        self.good = good;
        let broken: Vec<Issuer> = broken;
        self.broken.extend(broken.into_iter().map(|issuer| {
            let reason =
                "the audience is the client_id of a login provider, so an id_token could be used as an access token";
            (issuer.name, Some(issuer.issuer), reason.to_owned())
        }));
    }

    /// Returns the configuration errors by the issuer's name. Only the owner can see the configuration errors.
    pub fn faults(&self) -> BTreeMap<&str, &str> {
        self.broken.iter().map(|(name, _, reason)| (name.as_str(), reason.as_str())).collect()
    }

    /// Returns the scopes that the tokens of each issuer of a site can have at most, by the issuer's name.
    pub fn ceilings(&self, site: &Name) -> BTreeMap<String, ScopeSet> {
        let own = self.good.iter().filter(|issuer| issuer.site == *site);
        own.map(|issuer| (issuer.name.clone(), issuer.ceiling.clone())).collect()
    }

    /// Returns the issuer with this name in the configuration. Returns the error text if the issuer's table is invalid
    /// or missing.
    pub fn named(&self, name: &str) -> Result<&Issuer, &str> {
        let good = self.good.iter().find(|issuer| issuer.name == name);
        good.ok_or_else(|| {
            let broken = self.broken.iter().find(|(own, ..)| own == name);
            broken.map_or("no issuer with this name is configured", |(.., reason)| reason)
        })
    }

    /// Returns whether the unverified `iss` of a token belongs to an external issuer of this deployment. The function
    /// does not verify the token.
    pub fn claims_to_know(&self, token: &str) -> bool {
        // This function runs for every request, and most deployments have no external issuers.
        if self.good.is_empty() && self.broken.is_empty() {
            return false;
        }
        let Some(iss) = unverified_issuer(token) else { return false };
        let broken = self.broken.iter().filter_map(|(_, broken, _)| broken.as_ref());
        self.good.iter().map(|issuer| &issuer.issuer).chain(broken).any(|own| *own == iss)
    }

    /// Applies all checks of the policy with the keys and terms of the token's issuer. The configuration must contain
    /// the keys of this issuer.
    pub fn admit(&self, token: &str, now: u64, cache: &mut SignatureCache) -> Result<Admitted, NotAdmitted> {
        Ok(self.meant(token)?.admit(token, None, now, cache)?)
    }

    /// Finds the issuer of a token by the token's unverified `iss` and `aud`. The caller must then verify the token
    /// with [`Issuer::admit`].
    pub fn meant(&self, token: &str) -> Result<&Issuer, NotAdmitted> {
        let parsed = Unverified::parse(token)?;
        let iss = text(&parsed.payload, "iss")?.ok_or(Refusal::MissingClaim("iss"))?;
        let candidates: Vec<&Issuer> = self.good.iter().filter(|own| own.issuer == iss).collect();
        let meant = candidates.iter().find(|own| own.is_meant_by(&parsed.payload)).or(candidates.first());
        meant.copied().ok_or_else(|| {
            match self.broken.iter().find(|(_, broken, _)| broken.as_ref() == Some(&iss)) {
                Some((name, ..)) => NotAdmitted::Broken(name.clone()),
                None => Refusal::WrongIssuer { found: excerpt(&iss), expected: "a configured issuer".into() }
                    .into(),
            }
        })
    }
}

/// Returns the unverified `kid` in a token's header. The caller uses the `kid` to detect a key that the issuer
/// published recently. The `kid` proves nothing about the token.
pub fn unverified_kid(token: &str) -> Option<String> {
    let parsed = Unverified::parse(token).ok()?;
    parsed.header_text("kid").ok().flatten().map(str::to_owned)
}

fn unverified_issuer(token: &str) -> Option<String> {
    let parsed = Unverified::parse(token).ok()?;
    text(&parsed.payload, "iss").ok().flatten()
}

impl Issuer {
    /// Returns the URL at which the issuer publishes its keys. Returns `None` if the configuration contains the keys.
    pub fn jwks_uri(&self) -> Option<&str> {
        match &self.keys {
            Keys::Here(_) => None,
            Keys::At { uri, .. } => Some(uri),
        }
    }

    /// Parses the key set that the issuer publishes.
    pub fn read_published(&self, jwks: &Value) -> Result<KeySet, KeyError> {
        match &self.keys {
            Keys::Here(keys) => Ok(keys.clone()),
            Keys::At { algorithms, .. } => KeySet::from_published_jwks(jwks, algorithms),
        }
    }

    fn read(
        name: &str,
        table: &Value,
        sites: &[Name],
        secret: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let raw: Raw = read_table(table)?;
        if raw.issuer.is_empty() || raw.issuer.starts_with(OWN) {
            return Err(format!("`issuer` is empty or starts with the reserved prefix {OWN:?}"));
        }
        if raw.audience.is_empty() {
            return Err("`audience` is empty; set the audience that the tokens must contain".into());
        }
        if !sites.contains(&raw.site) {
            return Err(format!("`SITES` does not contain the site {:?}", raw.site.as_str()));
        }
        if let Some(typ) = raw.typ.iter().find(|typ| is_own(typ)) {
            return Err(format!("the typ {typ:?} is reserved for Pinlatch's own tokens"));
        }
        let algorithms = raw.algorithms.iter().map(|name| {
            name.parse::<Algorithm>().map_err(|reason| format!("algorithm {:?}: {reason}", excerpt(name)))
        });
        let algorithms: Vec<Algorithm> = algorithms.collect::<Result<_, _>>()?;
        let here = |member: &str, read: Result<KeySet, KeyError>| {
            let keys = read.map_err(|error| format!("{member}: {}: {error}", error.code()))?;
            if !algorithms.is_empty() && keys.algorithms().iter().any(|own| !algorithms.contains(own)) {
                return Err(format!(
                    "{member}: the key is for an algorithm that `algorithms` does not contain"
                ));
            }
            Ok(keys)
        };
        let keys = match (&raw.secret, &raw.keys, raw.jwks_uri) {
            (Some(name), None, None) => {
                let value = secret(name).ok_or_else(|| not_set("secret", name))?;
                Keys::Here(here("secret", KeySet::from_key_file(value.as_bytes(), &algorithms))?)
            }
            (None, Some(text), None) => {
                let keys = here("keys", KeySet::from_key_file(text.as_bytes(), &algorithms))?;
                if keys.algorithms().into_iter().any(Algorithm::is_symmetric) {
                    return Err("`keys` contains a shared secret; a shared secret belongs in `secret`".into());
                }
                Keys::Here(keys)
            }
            (None, None, Some(uri)) => {
                if algorithms.iter().any(|own| own.is_symmetric()) {
                    return Err("with `jwks_uri`, `algorithms` must not be for a shared secret".into());
                }
                let uri = private_uri(&uri).map_err(|reason| format!("jwks_uri: {reason}"))?;
                Keys::At { uri, algorithms }
            }
            _ => return Err("set exactly one of `secret`, `keys` and `jwks_uri`".into()),
        };
        Ok(Self {
            name: name.to_owned(),
            issuer: raw.issuer,
            site: raw.site,
            audience: [raw.audience],
            typ: raw.typ,
            max_life: raw.max_life,
            keys,
            ceiling: raw.scope.parse().map_err(|error| format!("scope: {error}"))?,
            scope_claim: raw.scope_claim,
        })
    }

    fn is_meant_by(&self, claims: &Object) -> bool {
        match claims.get("aud") {
            Some(Value::String(one)) => self.audience.contains(one),
            Some(Value::Array(several)) => {
                several.iter().filter_map(Value::as_str).any(|one| self.audience.iter().any(|own| own == one))
            }
            _ => false,
        }
    }

    /// Applies all checks of the policy with the terms of this issuer. If the configuration does not contain the
    /// issuer's keys, `published` must be the key set that the issuer publishes.
    pub fn admit(
        &self,
        token: &str,
        published: Option<&KeySet>,
        now: u64,
        cache: &mut SignatureCache,
    ) -> Result<Admitted, Refusal> {
        let keys = match (&self.keys, published) {
            (Keys::Here(keys), _) => keys,
            (Keys::At { .. }, Some(keys)) => keys,
            (Keys::At { .. }, None) => return Err(Refusal::UnknownKey("(none published)".into())),
        };
        let terms = Terms {
            typ: if self.typ.is_empty() { Typ::Usual } else { Typ::OneOf(&self.typ) },
            issuer: Some(&self.issuer),
            audiences: Some(&self.audience),
            now: Some(now),
            leeway: LEEWAY,
            max_life: self.max_life,
        };
        let accepted = verify_foreign_cached(token, keys, &terms, cache)?;
        let scope = self.scope_of(&accepted)?;
        Ok(Admitted {
            site: self.site.clone(),
            iss: self.issuer.clone(),
            sub: accepted.sub.ok_or(Refusal::MissingClaim("sub"))?,
            jti: accepted.jti.unwrap_or_else(|| digest_id(token)),
            scope,
            iat: accepted.iat,
            until: accepted.exp.saturating_add(LEEWAY),
        })
    }

    /// Returns the scopes of the token. If the configuration names no scope claim, the token has all scopes of the
    /// configured maximum. If the configuration names a scope claim, the token has the scopes in this claim, limited to
    /// the configured maximum. Values that are not Pinlatch scopes, for example `openid`, are ignored.
    fn scope_of(&self, accepted: &Accepted) -> Result<ScopeSet, Refusal> {
        let Some(claim) = &self.scope_claim else { return Ok(self.ceiling.clone()) };
        let words: Vec<&str> = match accepted.claims.get(claim) {
            None => return Err(Refusal::MissingClaim("scope")),
            Some(Value::String(text)) => text.split(' ').collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(_) => {
                return Err(Refusal::BadClaim(
                    "scope",
                    "the value must be a string or a list of strings".into(),
                ));
            }
        };
        let own: ScopeSet = words.into_iter().filter_map(|word| word.parse().ok()).collect();
        let too_many =
            |error: ScopeError| Refusal::BadClaim("scope", format!("with the issuer's maximum: {error}"));
        own.checked_within(&self.ceiling).map_err(too_many)
    }
}

/// Parses a table of the configuration. The error text contains the name of the invalid member.
pub(crate) fn read_table<'de, T: Deserialize<'de>>(table: &'de Value) -> Result<T, String> {
    serde_path_to_error::deserialize(table).map_err(|error| match error.path().to_string().as_str() {
        "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    })
}

/// Returns the error text for a secret that is not set. The owner may have written the secret itself instead of the
/// secret's name, and a secret must not appear in a log. The error text therefore contains the configured text only if
/// the text has the form of a name.
pub(crate) fn not_set(member: &str, name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.len() <= 48 && name.bytes().all(is_name) {
        return format!("{member}: the secret {name:?} is not set");
    }
    format!(
        "{member}: no secret has this name; write the name of a secret, such as SCRIPTS_SECRET, not the secret itself"
    )
}

fn is_own(typ: &str) -> bool {
    Kind::ALL.into_iter().any(|kind| kind != Kind::Access && is_type(typ, kind.typ()))
}

/// Returns the id of a token without `jti`. The id is a digest of the signed part, without the signature. Anyone can
/// compute a second valid ECDSA signature for a token. If the id depended on the signature, a revoked token with its
/// second signature would be accepted.
fn digest_id(token: &str) -> String {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let digest = blake3::hash(signed.as_bytes());
    let short = digest.as_bytes().first_chunk::<16>().map(|half| crate::jwt::b64::encode(half));
    format!("digest-{}", short.unwrap_or_default())
}
