//! This module is the policy for tokens, which consists of the checks that every verifier applies to every token.
//!
//! Each check is a separate function. [`verify`] runs the checks in order and stops at the first
//! check that fails. `explain.rs` runs all checks.

pub(crate) mod cache;
pub(crate) mod explain;

use std::rc::Rc;

use pinlatch_protocol::name::Name;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::jwt::claims::Registered;
use crate::jwt::kind::{Kind, is_type};
use crate::jwt::refusal::{Refusal, excerpt};
use crate::jwt::strict::{MAX_TOKEN, Object, Unverified};
use crate::keys::KeySet;
use crate::keys::alg::Algorithm;
use crate::keys::verifying::VerifyingKey;
use crate::names::{DEVICE_PREFIX, SITE_PREFIX};
use crate::policy::cache::{CacheKey, SignatureCache};

/// The time by which a signer's clock can be ahead of the verifier's clock, in seconds. If `leeway` is longer, `leeway`
/// applies instead.
const FUTURE_S: u64 = 60;

/// The claims of a token that was verified.
#[derive(Debug, Clone)]
pub struct Verified<C> {
    /// The registered claims of the token.
    pub registered: Registered,
    /// The claims that only tokens of this kind contain.
    pub custom: C,
}

/// The values that a verifier requires in one of Pinlatch's own tokens.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The required kind of the token.
    pub kind: Kind,
    /// The required issuer of the token.
    pub issuer: &'a str,
    /// The accepted audiences. The token must have at least one accepted audience.
    pub audiences: &'a [String],
    /// The current time, in seconds of Unix time. `None` means that the verifier has no clock, for example a device
    /// before its first welcome. A verifier without a clock requires `iat` and `exp`, but does not compare the times
    /// with the current time.
    pub now: Option<u64>,
    /// The time for which a token is accepted after `exp`, in seconds. The value is 0 for Pinlatch's own tokens.
    pub leeway: u64,
    /// The longest accepted lifetime of a token, in seconds. `None` means that the lifetime is not limited.
    pub max_life: Option<u64>,
}

/// The values that a verifier requires in a token of an external signer.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The accepted values of `typ`.
    pub typ: Typ<'a>,
    /// The required issuer of the token. `None` means that `iss` can have any value or be absent.
    pub issuer: Option<&'a str>,
    /// The accepted audiences. The token must have at least one accepted audience. `None` means that `aud` can have any
    /// value or be absent.
    pub audiences: Option<&'a [String]>,
    /// The current time, in seconds of Unix time. `None` means that the times in the token are not compared with the
    /// current time.
    pub now: Option<u64>,
    /// The accepted difference between the signer's clock and the verifier's clock, in seconds.
    pub leeway: u64,
    /// The longest accepted lifetime of a token, in seconds. `None` means that the lifetime is not limited.
    pub max_life: Option<u64>,
}

/// The accepted values of the header member `typ`.
#[derive(Debug, Clone)]
pub enum Typ<'a> {
    /// Accepts only the `typ` of one of Pinlatch's own kinds.
    Kind(Kind),
    /// Accepts only the given values, which are compared as media types.
    OneOf(&'a [String]),
    /// Accepts the usual values for access tokens: `JWT`, `at+jwt` or no `typ`.
    Usual,
}

/// The contents of an accepted token from an external signer.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The algorithm of the token's signature.
    pub alg: Algorithm,
    /// The header of the token.
    pub header: Rc<Object>,
    /// All claims of the token.
    pub claims: Rc<Object>,
    /// The issuer of the token. `None` if the token has no `iss`.
    pub iss: Option<String>,
    /// The subject of the token. `None` if the token has no `sub`.
    pub sub: Option<String>,
    /// The audience that was accepted. If the verifier accepts any audience, the field contains the first audience in
    /// the token.
    pub aud: Option<String>,
    /// The id of the token. `None` if the token has no `jti`.
    pub jti: Option<String>,
    /// The time when the token was issued, in seconds of Unix time.
    pub iat: u64,
    /// The time when the token expires, in seconds of Unix time.
    pub exp: u64,
}

/// Applies all checks of the policy to one of Pinlatch's own tokens. The checks cover the form, the kind, the key, the
/// claims and the signature.
pub fn verify<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    expect: &Expect<'_>,
) -> Result<Verified<C>, Refusal> {
    verify_own(token, keys, expect, None)
}

/// Applies the checks of [`verify`], and uses a cache of verified signatures.
pub(crate) fn verify_own<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    expect: &Expect<'_>,
    cache: Option<&mut SignatureCache>,
) -> Result<Verified<C>, Refusal> {
    let terms = Terms {
        typ: Typ::Kind(expect.kind),
        issuer: Some(expect.issuer),
        audiences: Some(expect.audiences),
        now: expect.now,
        leeway: expect.leeway,
        max_life: expect.max_life,
    };
    let accepted = verify_with_cache(token, keys, &terms, cache)?;
    let (iss, sub, aud, jti) = (accepted.iss, accepted.sub, accepted.aud, accepted.jti);
    let registered = Registered {
        iss: iss.ok_or(Refusal::MissingClaim("iss"))?,
        sub: sub.ok_or(Refusal::MissingClaim("sub"))?,
        aud: aud.ok_or(Refusal::MissingClaim("aud"))?,
        jti: jti.ok_or(Refusal::MissingClaim("jti"))?,
        iat: accepted.iat,
        exp: accepted.exp,
    };
    let custom = C::deserialize(&*accepted.claims)
        .map_err(|error| Refusal::Json("the payload", excerpt(&error.to_string())))?;
    Ok(Verified { registered, custom })
}

/// Returns the kind in the header of a token that is not verified yet. The result only selects the verifier, which checks
/// the kind again.
pub fn unverified_kind(token: &str) -> Option<Kind> {
    let parsed = Unverified::parse(token).ok()?;
    let typ = parsed.header_text("typ").ok()??;
    Kind::ALL.into_iter().find(|kind| kind.is_named_by(typ))
}

/// Returns the site in the audience of a token that is not verified yet. The result only selects the site for which the
/// token is verified.
pub fn unverified_site(token: &str) -> Option<Name> {
    let parsed = Unverified::parse(token).ok()?;
    Name::new(parsed.payload.get("aud")?.as_str()?.strip_prefix(SITE_PREFIX)?).ok()
}

/// Returns the site and the device in the audience of a token that is not verified yet.
pub fn unverified_device(token: &str) -> Option<(Name, Name)> {
    let parsed = Unverified::parse(token).ok()?;
    let (site, device) = parsed.payload.get("aud")?.as_str()?.strip_prefix(DEVICE_PREFIX)?.split_once('/')?;
    Some((Name::new(site).ok()?, Name::new(device).ok()?))
}

/// Applies all checks of the policy to a token of an external signer.
pub fn verify_foreign(token: &str, keys: &KeySet, terms: &Terms<'_>) -> Result<Accepted, Refusal> {
    verify_with_cache(token, keys, terms, None)
}

/// Applies the checks of [`verify_foreign`], and uses a cache of verified signatures. If the cache contains the token
/// for the same key set, the signature is not verified again. All other checks, including the check of the time, are
/// repeated for each call.
pub fn verify_foreign_cached(
    token: &str,
    keys: &KeySet,
    terms: &Terms<'_>,
    cache: &mut SignatureCache,
) -> Result<Accepted, Refusal> {
    verify_with_cache(token, keys, terms, Some(cache))
}

fn verify_with_cache(
    token: &str,
    keys: &KeySet,
    terms: &Terms<'_>,
    cache: Option<&mut SignatureCache>,
) -> Result<Accepted, Refusal> {
    // A token that is too long is never cached, so its digest is not computed.
    let known = cache.filter(|_| token.len() <= MAX_TOKEN).map(|cache| (CacheKey::of(token, keys), cache));
    let hit = known.as_ref().and_then(|(key, cache)| cache.find(key));
    let verified_before = hit.is_some();
    let parsed = match hit {
        Some(parsed) => parsed,
        None => Rc::new(Unverified::parse(token)?),
    };
    check_header(&parsed)?;
    check_typ(&parsed, &terms.typ)?;
    let (key, alg) = select(&parsed, keys, &terms.typ)?;
    // The claims are checked before the signature, because the check of the claims is faster. Checking the claims first
    // is safe, because a token is accepted only if the claims and the signature are valid.
    let accepted = check_claims(&parsed, alg, terms)?;
    if !verified_before {
        key.verify(token, &parsed, alg)?;
        if let Some((key, cache)) = known {
            cache.keep(key, parsed);
        }
    }
    Ok(accepted)
}

/// Checks that the header has no forbidden members. Also checks that the header members that the policy uses are
/// strings. The check applies to tokens of all kinds.
pub(crate) fn check_header(token: &Unverified) -> Result<(), Refusal> {
    for name in ["alg", "kid", "typ", "cty"] {
        token.header_text(name)?;
    }
    for extension in ["crit", "b64", "zip"] {
        if token.header.contains_key(extension) {
            return Err(Refusal::Extension(extension));
        }
    }
    for name in ["jwk", "jku", "x5u", "x5c"] {
        if token.header.contains_key(name) {
            return Err(Refusal::EmbeddedKey(name));
        }
    }
    Ok(())
}

pub(crate) fn check_typ(token: &Unverified, accepted: &Typ<'_>) -> Result<(), Refusal> {
    let typ = token.header_text("typ")?;
    let named = |name: &str| typ.is_some_and(|typ| is_type(typ, name));
    let (passes, expected) = match accepted {
        Typ::Kind(kind) => (named(kind.typ()), kind.typ().to_owned()),
        Typ::OneOf(names) => (names.iter().any(|name| named(name)), names.join(" or ")),
        Typ::Usual => (typ.is_none() || named("JWT") || named("at+jwt"), "JWT or at+jwt".to_owned()),
    };
    let found = || excerpt(typ.unwrap_or_default());
    if passes { Ok(()) } else { Err(Refusal::WrongKind { found: found(), expected }) }
}

/// Selects the key and the algorithm for a token. The `alg` in the header can select only an algorithm that the key
/// allows.
pub(crate) fn select<'k>(
    token: &Unverified,
    keys: &'k KeySet,
    typ: &Typ<'_>,
) -> Result<(&'k VerifyingKey, Algorithm), Refusal> {
    let alg = token.header_text("alg")?.unwrap_or_default();
    keys.select(token.header_text("kid")?, alg, matches!(typ, Typ::Kind(_)))
}

fn check_claims(token: &Unverified, alg: Algorithm, terms: &Terms<'_>) -> Result<Accepted, Refusal> {
    let claims = &*token.payload;
    let iat = check_iat(claims, terms)?;
    let exp = check_exp(claims, terms)?;
    check_nbf(claims, terms)?;
    let iss = check_issuer(claims, terms)?;
    let aud = check_audience(claims, terms)?;
    let (sub, jti) = (text(claims, "sub")?, text(claims, "jti")?);
    let (header, claims) = (Rc::clone(&token.header), Rc::clone(&token.payload));
    Ok(Accepted { alg, header, claims, iss, sub, aud, jti, iat, exp })
}

pub(crate) fn check_iat(claims: &Object, terms: &Terms<'_>) -> Result<u64, Refusal> {
    let iat = time(claims, "iat")?.ok_or(Refusal::MissingClaim("iat"))?;
    not_ahead(iat, terms)?;
    Ok(iat)
}

pub(crate) fn check_nbf(claims: &Object, terms: &Terms<'_>) -> Result<(), Refusal> {
    time(claims, "nbf")?.map_or(Ok(()), |nbf| not_ahead(nbf, terms))
}

fn not_ahead(start: u64, terms: &Terms<'_>) -> Result<(), Refusal> {
    match terms.now {
        Some(now) if start > now.saturating_add(FUTURE_S.max(terms.leeway)) => {
            Err(Refusal::NotYetValid(start - now))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_exp(claims: &Object, terms: &Terms<'_>) -> Result<u64, Refusal> {
    let exp = time(claims, "exp")?.ok_or(Refusal::MissingClaim("exp"))?;
    let iat = time(claims, "iat").ok().flatten();
    if iat.is_some_and(|iat| exp <= iat) {
        return Err(Refusal::BadClaim("exp", "the value must be after `iat`".into()));
    }
    if let Some(now) = terms.now.filter(|now| *now >= exp.saturating_add(terms.leeway)) {
        return Err(Refusal::Expired(now - exp));
    }
    let found = iat.map_or(0, |iat| exp - iat);
    match terms.max_life {
        Some(most) if found > most => Err(Refusal::TooLongLived { found, most }),
        _ => Ok(exp),
    }
}

pub(crate) fn check_issuer(claims: &Object, terms: &Terms<'_>) -> Result<Option<String>, Refusal> {
    let iss = text(claims, "iss")?;
    match (terms.issuer, &iss) {
        (Some(_), None) => Err(Refusal::MissingClaim("iss")),
        (Some(expected), Some(found)) if found != expected => {
            Err(Refusal::WrongIssuer { found: excerpt(found), expected: expected.into() })
        }
        _ => Ok(iss),
    }
}

/// Parses a time (NumericDate) that is a whole number of seconds below 2^53, which JavaScript represents exactly. RFC
/// 7519 §2 also allows fractions of a second. The policy refuses fractions, because verifiers round fractions
/// differently.
pub(crate) fn time(claims: &Object, name: &'static str) -> Result<Option<u64>, Refusal> {
    const MOST: u64 = 1 << 53;
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64().filter(|n| *n < MOST) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(Refusal::BadClaim(name, "the value must be a whole number of seconds".into())),
        },
    }
}

/// Returns an optional claim. If the claim is present, it must be a string.
pub(crate) fn text(claims: &Object, name: &'static str) -> Result<Option<String>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 512 => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::BadClaim(name, "the value must be a string of 1 to 512 bytes".into())),
    }
}

pub(crate) fn check_audience(claims: &Object, terms: &Terms<'_>) -> Result<Option<String>, Refusal> {
    let named: Vec<&str> = match claims.get("aud") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several
            .iter()
            .map(|one| one.as_str().ok_or(Refusal::BadClaim("aud", "all audiences must be strings".into())))
            .collect::<Result<_, _>>()?,
        Some(_) => {
            return Err(Refusal::BadClaim("aud", "the value must be a string or a list of strings".into()));
        }
    };
    let Some(accepted) = terms.audiences else { return Ok(named.first().map(|first| (*first).to_owned())) };
    if !claims.contains_key("aud") {
        return Err(Refusal::MissingClaim("aud"));
    }
    match accepted.iter().find(|own| named.contains(&own.as_str())) {
        Some(own) => Ok(Some(own.clone())),
        None => {
            Err(Refusal::WrongAudience { found: excerpt(&named.join(" ")), expected: accepted.join(" ") })
        }
    }
}
