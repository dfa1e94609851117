//! Issuers from outside: whose tokens, signed with their own keys, open one of the deployment's sites.
//!
//! They are the deployment's configuration, one `[vars.ISSUERS.NAME]` table each. An issuer whose
//! configuration does not hold together is kept as broken, so that its tokens get an honest 503 and
//! nobody else's suffer.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::ScopeSet;
use serde::Deserialize;
use serde_json::Value;

use crate::alg::Algorithm;
use crate::cache::SignatureCache;
use crate::key_error::KeyError;
use crate::keys::KeySet;
use crate::kind::{Kind, is_type};
use crate::policy::{Accepted, Terms, Typ, text, verify_foreign_cached};
use crate::refusal::{Refusal, excerpt};
use crate::strict::{Object, Unverified};

/// How far an issuer's clock may differ from ours, in seconds.
const LEEWAY: u64 = 60;

/// The `iss` that no issuer from outside may have: our own begin so.
const OWN: &str = "urn:pinlatch:";

/// One issuer from outside.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its name in the configuration.
    pub name: String,
    /// Its `iss`, compared byte by byte.
    pub issuer: String,
    /// The site that its tokens open.
    pub site: Name,
    audience: [String; 1],
    typ: Vec<String>,
    max_life: Option<u64>,
    keys: Keys,
    ceiling: ScopeSet,
    scope_claim: Option<String>,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
enum Keys {
    /// The configuration holds them.
    Here(KeySet),
    /// The issuer publishes them.
    At { uri: String, algorithms: Vec<Algorithm> },
}

/// A token of an issuer from outside, as far as the Worker can judge it.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The site that it opens.
    pub site: Name,
    /// Who signed it.
    pub iss: String,
    /// Whom it speaks for.
    pub sub: String,
    /// Its id; where it has none, one made of the token's digest, so that it can be named and revoked.
    pub jti: String,
    /// What it may do at most.
    pub scope: ScopeSet,
    /// Issued at, seconds of Unix time.
    pub iat: u64,
    /// When it ceases to count, seconds of Unix time: its `exp` and the tolerance for the issuer's clock.
    pub until: u64,
}

/// The issuers of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Issuers {
    good: Vec<Issuer>,
    /// Name, `iss` where that much could be read, and what is wrong.
    broken: Vec<(String, Option<String>, String)>,
}

/// Why a token of an issuer from outside is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The token is not acceptable.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its issuer is configured, but wrongly.
    #[error("the issuer {0:?} is not usable")]
    Broken(String),
}

/// One table of the configuration.
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
    /// Reads the configuration: a table of tables, by name. `secret` looks up the value of a secret by its name.
    pub fn read(tables: &Value, sites: &[Name], secret: impl Fn(&str) -> Option<String>) -> Self {
        let mut issuers = Self::default();
        let empty = Object::new();
        for (name, table) in tables.as_object().unwrap_or(&empty) {
            let read = Issuer::read(name, table, sites, &secret).and_then(|issuer| {
                let twin =
                    |other: &Issuer| other.issuer == issuer.issuer && other.audience == issuer.audience;
                match issuers.good.iter().find(|other| twin(other)) {
                    Some(other) => Err(format!("{:?} has the same issuer and audience", other.name)),
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

    /// Breaks the issuers whose audience is one of these: the ids of clients, for which an `id_token` is made. A
    /// login's proof must never be an access token.
    pub fn forbid_audiences<'a>(&mut self, clients: impl Iterator<Item = &'a str>) {
        let clients: Vec<&str> = clients.collect();
        let (broken, good) = std::mem::take(&mut self.good)
            .into_iter()
            .partition(|issuer| issuer.audience.iter().any(|own| clients.contains(&own.as_str())));
        self.good = good;
        let broken: Vec<Issuer> = broken;
        self.broken.extend(broken.into_iter().map(|issuer| {
            let reason = "its audience is the client_id of a login provider: an id_token is no access token";
            (issuer.name, Some(issuer.issuer), reason.to_owned())
        }));
    }

    /// What is wrong with the configuration, by issuer's name; for the owner.
    pub fn faults(&self) -> BTreeMap<&str, &str> {
        self.broken.iter().map(|(name, _, reason)| (name.as_str(), reason.as_str())).collect()
    }

    /// The one of a name in the configuration, or what is wrong with it.
    pub fn named(&self, name: &str) -> Result<&Issuer, &str> {
        let good = self.good.iter().find(|issuer| issuer.name == name);
        good.ok_or_else(|| {
            let broken = self.broken.iter().find(|(own, ..)| own == name);
            broken.map_or("it is not configured", |(.., reason)| reason)
        })
    }

    /// Whether a token says that one of them signed it. Nothing is verified by this.
    pub fn claims_to_know(&self, token: &str) -> bool {
        // Most deployments have none, and every request asks.
        if self.good.is_empty() && self.broken.is_empty() {
            return false;
        }
        let Some(iss) = unverified_issuer(token) else { return false };
        let broken = self.broken.iter().filter_map(|(_, broken, _)| broken.as_ref());
        self.good.iter().map(|issuer| &issuer.issuer).chain(broken).any(|own| *own == iss)
    }

    /// Applies the whole policy, with the keys and terms of the issuer that the token names and whose keys the
    /// configuration holds.
    pub fn admit(&self, token: &str, now: u64, cache: &mut SignatureCache) -> Result<Admitted, NotAdmitted> {
        Ok(self.meant(token)?.admit(token, None, now, cache)?)
    }

    /// The issuer that a token names, by its unverified `iss` and `aud`. Whether it is right to do so,
    /// [`Issuer::admit`] says.
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

/// The `kid` in a token's header, by which a key that was published lately is looked for. It selects, and proves
/// nothing.
pub fn unverified_kid(token: &str) -> Option<String> {
    let parsed = Unverified::parse(token).ok()?;
    parsed.header_text("kid").ok().flatten().map(str::to_owned)
}

fn unverified_issuer(token: &str) -> Option<String> {
    let parsed = Unverified::parse(token).ok()?;
    text(&parsed.payload, "iss").ok().flatten()
}

impl Issuer {
    /// Where the issuer publishes its keys; `None` if the configuration holds them.
    pub fn jwks_uri(&self) -> Option<&str> {
        match &self.keys {
            Keys::Here(_) => None,
            Keys::At { uri, .. } => Some(uri),
        }
    }

    /// Reads the keys that the issuer publishes.
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
            return Err(format!("its issuer is empty or begins with {OWN:?}"));
        }
        if raw.audience.is_empty() {
            return Err("its audience is empty: a token must say that it is for here".into());
        }
        if !sites.contains(&raw.site) {
            return Err(format!("SITES does not name its site {:?}", raw.site.as_str()));
        }
        if let Some(typ) = raw.typ.iter().find(|typ| is_own(typ)) {
            return Err(format!("the typ {typ:?} is for tokens of our own"));
        }
        let algorithms = raw.algorithms.iter().map(|name| {
            name.parse::<Algorithm>().map_err(|reason| format!("algorithm {:?}: {reason}", excerpt(name)))
        });
        let algorithms: Vec<Algorithm> = algorithms.collect::<Result<_, _>>()?;
        let here = |member: &str, read: Result<KeySet, KeyError>| {
            let keys = read.map_err(|error| format!("{member}: {}: {error}", error.code()))?;
            if !algorithms.is_empty() && keys.algorithms().iter().any(|own| !algorithms.contains(own)) {
                return Err(format!("{member}: it is for other algorithms than `algorithms` allows"));
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
                    return Err("`keys` holds a shared secret, which belongs in `secret`".into());
                }
                Keys::Here(keys)
            }
            (None, None, Some(uri)) => {
                if algorithms.iter().any(|own| own.is_symmetric()) {
                    return Err("a published key signs with no shared secret's algorithm".into());
                }
                let uri = private_uri(&uri).map_err(|reason| format!("jwks_uri: {reason}"))?;
                Keys::At { uri, algorithms }
            }
            _ => return Err("it needs one of `secret`, `keys` and `jwks_uri`".into()),
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

    /// Applies the whole policy with the issuer's terms. `published` are the keys that it publishes, where the
    /// configuration holds none.
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

    /// The ceiling, or what the token's own scopes leave of it. Words that are no scopes of ours (`openid`)
    /// are for somebody else.
    fn scope_of(&self, accepted: &Accepted) -> Result<ScopeSet, Refusal> {
        let Some(claim) = &self.scope_claim else { return Ok(self.ceiling.clone()) };
        let words: Vec<&str> = match accepted.claims.get(claim) {
            None => return Err(Refusal::MissingClaim("scope")),
            Some(Value::String(text)) => text.split(' ').collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(_) => {
                return Err(Refusal::BadClaim("scope", "it is neither a text nor a list of texts".into()));
            }
        };
        let own: ScopeSet = words.into_iter().filter_map(|word| word.parse().ok()).collect();
        Ok(own.within(&self.ceiling))
    }
}

/// Reads a table, and names the member that is wrong.
pub(crate) fn read_table<'de, T: Deserialize<'de>>(table: &'de Value) -> Result<T, String> {
    serde_path_to_error::deserialize(table).map_err(|error| match error.path().to_string().as_str() {
        "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    })
}

/// What to say of a secret that is not set. Whoever wrote the secret itself in place of its name must not find it
/// in a log: nothing is repeated but what looks like a name.
pub(crate) fn not_set(member: &str, name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.len() <= 48 && name.bytes().all(is_name) {
        return format!("{member}: the secret {name:?} is not set");
    }
    format!(
        "{member}: no secret has this name; it is the name of one, such as SCRIPTS_SECRET, and not the secret itself"
    )
}

/// An address that nobody can listen in on: over TLS, or on loopback.
pub fn private_uri(uri: &str) -> Result<String, String> {
    let loopback = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    if uri.starts_with("https://") || loopback.iter().any(|start| uri.starts_with(start)) {
        return Ok(uri.to_owned());
    }
    Err(format!("{:?} is neither https nor on loopback", excerpt(uri)))
}

fn is_own(typ: &str) -> bool {
    Kind::ALL.into_iter().any(|kind| kind != Kind::Access && is_type(typ, kind.typ()))
}

/// An id for a token that names none: of what is signed, because an ECDSA signature has a second spelling
/// that anybody can work out, and a revoked token must not come back under it.
fn digest_id(token: &str) -> String {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let digest = blake3::hash(signed.as_bytes());
    let short = digest.as_bytes().first_chunk::<16>().map(|half| crate::b64::encode(half));
    format!("digest-{}", short.unwrap_or_default())
}
