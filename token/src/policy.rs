//! The policy that every verifier applies to every token.
//!
//! Each check is a separate function: [`verify`] runs the checks in order and stops at the first refusal;
//! [`explain`](crate::explain) runs all of them.

use std::rc::Rc;

use jwt_simple::prelude::{JWTClaims, NoCustomClaims};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::alg::Algorithm;
use crate::cache::{CacheKey, SignatureCache};
use crate::keys::KeySet;
use crate::kind::{Kind, is_type};
use crate::refusal::{Refusal, excerpt};
use crate::strict::{MAX_TOKEN, Object, Unverified};
use crate::verifying::VerifyingKey;

/// How far a signer's clock can be ahead of ours, in seconds. If the leeway is larger, the leeway applies instead.
const FUTURE_S: u64 = 60;

/// The claims of RFC 7519 §4.1 that all of Pinlatch's own tokens have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The issuer.
    pub iss: String,
    /// The subject.
    pub sub: String,
    /// The audience. If the token has several audiences, this is the accepted audience.
    pub aud: String,
    /// The token's id.
    pub jti: String,
    /// Time of issue, in seconds of Unix time.
    pub iat: u64,
    /// Expiry, in seconds of Unix time. The token is already expired in this second.
    pub exp: u64,
}

/// The claims of a verified token.
#[derive(Debug, Clone)]
pub struct Verified<C> {
    /// The registered claims.
    pub registered: Registered,
    /// The claims specific to the token's kind.
    pub custom: C,
}

/// The requirements for a token of one of Pinlatch's own kinds.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The required kind.
    pub kind: Kind,
    /// The required issuer.
    pub issuer: &'a str,
    /// The accepted audiences. The token must have at least one of them.
    pub audiences: &'a [String],
    /// The current time, in seconds of Unix time. `None` if the verifier has no clock yet, for example a device before
    /// its first welcome. Then `iat` and `exp` are required, but not compared with the current time.
    pub now: Option<u64>,
    /// How long a token is still accepted after `exp`, in seconds; 0 for Pinlatch's own tokens.
    pub leeway: u64,
    /// The longest accepted lifetime, in seconds; `None` means no limit.
    pub max_life: Option<u64>,
}

/// The requirements for a token of another signer.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The accepted values of `typ`.
    pub typ: Typ<'a>,
    /// The required issuer. If `None`, tokens with any issuer or without `iss` are accepted.
    pub issuer: Option<&'a str>,
    /// The accepted audiences. The token must have at least one of them. If `None`, tokens with any audience or without
    /// `aud` are accepted.
    pub audiences: Option<&'a [String]>,
    /// The current time, in seconds of Unix time. If `None`, the times in the token are not compared with the current
    /// time.
    pub now: Option<u64>,
    /// The accepted difference between the clocks, in seconds.
    pub leeway: u64,
    /// The longest accepted lifetime, in seconds; `None` means no limit.
    pub max_life: Option<u64>,
}

/// The accepted values of `typ`.
#[derive(Debug, Clone)]
pub enum Typ<'a> {
    /// One of Pinlatch's own kinds.
    Kind(Kind),
    /// These values, compared as media types.
    OneOf(&'a [String]),
    /// The usual values for access tokens: `JWT`, `at+jwt` or no `typ`.
    Usual,
}

/// An accepted token of another signer.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The signature algorithm.
    pub alg: Algorithm,
    /// The header.
    pub header: Rc<Object>,
    /// All claims.
    pub claims: Rc<Object>,
    /// The issuer.
    pub iss: Option<String>,
    /// The subject.
    pub sub: Option<String>,
    /// The accepted audience. If any audience is accepted, this is the first audience in the token.
    pub aud: Option<String>,
    /// The token's id.
    pub jti: Option<String>,
    /// Time of issue, in seconds of Unix time.
    pub iat: u64,
    /// Expiry, in seconds of Unix time.
    pub exp: u64,
}

/// Applies the whole policy to a token of one of Pinlatch's own kinds: form, kind, key, claims, signature.
pub fn verify<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    expect: &Expect<'_>,
) -> Result<Verified<C>, Refusal> {
    verify_own(token, keys, expect, None)
}

/// Like [`verify`], with a cache of verified signatures.
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

/// Applies the whole policy to a token of another signer.
pub fn verify_foreign(token: &str, keys: &KeySet, terms: &Terms<'_>) -> Result<Accepted, Refusal> {
    verify_with_cache(token, keys, terms, None)
}

/// Like [`verify_foreign`], but uses a cache: a signature is not verified again if the cache contains the same token
/// with the same keys. All other checks, including the check of the time, are repeated for each use.
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
    // A token above the maximum length is never cached, so its digest is not computed.
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
    // The claims are checked before the signature, because the check of the claims is cheaper. This order is safe,
    // because a token is accepted only if both checks pass.
    let accepted = check_claims(&parsed, alg, terms)?;
    if !verified_before {
        key.verify(token, &parsed, alg)?;
        if let Some((key, cache)) = known {
            cache.keep(key, parsed);
        }
    }
    Ok(accepted)
}

/// Checks that the header has no forbidden members, and that the members that the policy reads are strings. This check
/// applies to tokens of all kinds.
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

/// Selects the key and the algorithm. The `alg` in the header can only select one of the algorithms that the key
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
        return Err(Refusal::BadClaim("exp", "it must be after iat".into()));
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

/// Parses a NumericDate: a whole number of seconds below 2^53, which JavaScript represents exactly. RFC 7519 §2 allows
/// fractions. Fractions are refused, because signers do not write them and verifiers round them differently.
pub(crate) fn time(claims: &Object, name: &'static str) -> Result<Option<u64>, Refusal> {
    const MOST: u64 = 1 << 53;
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64().filter(|n| *n < MOST) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(Refusal::BadClaim(name, "it must be a whole number of seconds".into())),
        },
    }
}

/// An optional claim. If the claim is present, it must be a string.
pub(crate) fn text(claims: &Object, name: &'static str) -> Result<Option<String>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 512 => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::BadClaim(name, "it must be a string of 1 to 512 bytes".into())),
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
        Some(_) => return Err(Refusal::BadClaim("aud", "it must be a string or a list of strings".into())),
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

/// Merges the registered claims into the claims of the token's kind. All claims are then in `custom`, so jwt-simple
/// adds none.
pub(crate) fn claims(registered: &Registered, mut custom: Object) -> JWTClaims<Object> {
    for (name, text) in [
        ("iss", &registered.iss),
        ("sub", &registered.sub),
        ("aud", &registered.aud),
        ("jti", &registered.jti),
    ] {
        custom.insert(name.into(), text.as_str().into());
    }
    custom.insert("iat".into(), registered.iat.into());
    custom.insert("exp".into(), registered.exp.into());
    bare_claims(custom)
}

/// Wraps the claims, so that jwt-simple signs them unchanged.
pub(crate) fn bare_claims(claims: Object) -> JWTClaims<Object> {
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom: claims,
    }
}

pub(crate) type SignatureOnly = NoCustomClaims;
