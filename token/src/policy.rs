//! The one policy that every token passes, whoever checks it.

use jwt_simple::prelude::{Audiences, JWTClaims, NoCustomClaims, VerificationOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::key::KeySet;
use crate::kind::Kind;
use crate::refusal::{Refusal, excerpt};
use crate::strict::{MAX_TOKEN, Object, Unverified};

/// How far ahead of our clock a signer's may run, in seconds, where no tighter bound is set.
const FUTURE_S: u64 = 60;

/// The claims of RFC 7519 §4.1, as every token of ours carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Who signed it.
    pub iss: String,
    /// Whom it speaks for.
    pub sub: String,
    /// Whom it is for; the accepted one, where a token names several.
    pub aud: String,
    /// Its id.
    pub jti: String,
    /// Issued at, seconds of Unix time.
    pub iat: u64,
    /// Expires, seconds of Unix time; at this second it has expired.
    pub exp: u64,
}

/// A token that passed, and its claims.
#[derive(Debug, Clone)]
pub struct Verified<C> {
    /// The registered claims.
    pub registered: Registered,
    /// The claims particular to its kind.
    pub custom: C,
}

/// What is accepted at one place.
#[derive(Debug, Clone)]
pub struct Expect<'a> {
    /// The kind.
    pub kind: Kind,
    /// The issuer.
    pub issuer: &'a str,
    /// The audiences, of which the token must name one.
    pub audiences: &'a [String],
    /// Now, in seconds of Unix time; `None` where the checker has no clock yet (a device before its
    /// first welcome), which leaves `iat` and `exp` required but not compared with anything.
    pub now: Option<u64>,
    /// How long after `exp` a token is still accepted, in seconds: 0 for our own.
    pub leeway: u64,
    /// The longest life accepted, in seconds.
    pub max_life: Option<u64>,
}

/// Applies the whole policy to a token: form, kind, key, signature, then claims.
pub fn verify<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    expect: &Expect<'_>,
) -> Result<Verified<C>, Refusal> {
    let unverified = Unverified::parse(token)?;
    check_header(&unverified, expect.kind)?;
    let key = keys.select(unverified.header_text("kid")?)?;
    let alg = unverified.header_text("alg")?.unwrap_or_default();
    if alg != key.alg() {
        return Err(Refusal::WrongAlgorithm { found: excerpt(alg), expected: key.alg() });
    }
    // Before the signature, because it is cheap and decides nothing that a forger could not also write.
    let registered = check_claims(&unverified.payload, expect)?;
    key.verify_signature(token, &lenient())?;
    let custom = serde_json::from_value(Value::Object(unverified.payload))
        .map_err(|error| Refusal::Json("the payload", excerpt(&error.to_string())))?;
    Ok(Verified { registered, custom })
}

/// jwt-simple checks form, `alg` and signature; claims are checked here, more strictly than it does.
fn lenient() -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        time_tolerance: None,
        artificial_time: Some(coarsetime::Duration::from_secs(0)),
        max_token_length: Some(MAX_TOKEN),
        ..VerificationOptions::default()
    }
}

fn check_header(token: &Unverified, kind: Kind) -> Result<(), Refusal> {
    for extension in ["crit", "b64"] {
        if token.header.contains_key(extension) {
            return Err(Refusal::Extension(extension));
        }
    }
    for name in ["jwk", "jku", "x5u", "x5c"] {
        if token.header.contains_key(name) {
            return Err(Refusal::EmbeddedKey(name));
        }
    }
    let typ = token.header_text("typ")?.unwrap_or_default();
    if kind.is_named_by(typ) {
        Ok(())
    } else {
        Err(Refusal::WrongKind { found: excerpt(typ), expected: kind.typ() })
    }
}

fn check_claims(payload: &Object, expect: &Expect<'_>) -> Result<Registered, Refusal> {
    let iat = time(payload, "iat")?.ok_or(Refusal::MissingClaim("iat"))?;
    let exp = time(payload, "exp")?.ok_or(Refusal::MissingClaim("exp"))?;
    let nbf = time(payload, "nbf")?;
    if exp <= iat {
        return Err(Refusal::BadClaim("exp", "it is not after iat".into()));
    }
    if let Some(now) = expect.now {
        if now >= exp.saturating_add(expect.leeway) {
            return Err(Refusal::Expired(now - exp));
        }
        let ahead = now.saturating_add(FUTURE_S.max(expect.leeway));
        for start in [Some(iat), nbf].into_iter().flatten() {
            if start > ahead {
                return Err(Refusal::NotYetValid(start - now));
            }
        }
    }
    if let Some(most) = expect.max_life.filter(|most| exp - iat > *most) {
        return Err(Refusal::TooLongLived { found: exp - iat, most });
    }
    let iss = text(payload, "iss")?;
    if iss != expect.issuer {
        return Err(Refusal::WrongIssuer { found: excerpt(&iss), expected: expect.issuer.into() });
    }
    let aud = audience(payload, expect.audiences)?;
    Ok(Registered { iss, sub: text(payload, "sub")?, aud, jti: text(payload, "jti")?, iat, exp })
}

/// A NumericDate: a whole number of seconds that JavaScript can hold too (RFC 7519 §2 allows
/// fractions; no signer in use writes them, and rounding is where clocks begin to disagree).
fn time(payload: &Object, name: &'static str) -> Result<Option<u64>, Refusal> {
    const MOST: u64 = 1 << 53;
    match payload.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64().filter(|n| *n < MOST) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(Refusal::BadClaim(name, "it is not a whole number of seconds".into())),
        },
    }
}

fn text(payload: &Object, name: &'static str) -> Result<String, Refusal> {
    match payload.get(name) {
        None => Err(Refusal::MissingClaim(name)),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 512 => Ok(text.clone()),
        Some(_) => Err(Refusal::BadClaim(name, "it is not a text of 1 to 512 bytes".into())),
    }
}

fn audience(payload: &Object, accepted: &[String]) -> Result<String, Refusal> {
    let named: Vec<&str> = match payload.get("aud") {
        None => return Err(Refusal::MissingClaim("aud")),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several
            .iter()
            .map(|one| {
                one.as_str().ok_or(Refusal::BadClaim("aud", "it holds something else than texts".into()))
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(Refusal::BadClaim("aud", "it is neither a text nor a list of texts".into())),
    };
    match accepted.iter().find(|own| named.contains(&own.as_str())) {
        Some(own) => Ok(own.clone()),
        None => {
            Err(Refusal::WrongAudience { found: excerpt(&named.join(" ")), expected: accepted.join(" ") })
        }
    }
}

/// The registered claims and a kind's own, as jwt-simple signs them.
pub(crate) fn claims(registered: &Registered, custom: Object) -> JWTClaims<Object> {
    let time = |seconds| Some(coarsetime::UnixTimeStamp::from_secs(seconds));
    JWTClaims {
        issued_at: time(registered.iat),
        expires_at: time(registered.exp),
        invalid_before: None,
        issuer: Some(registered.iss.clone()),
        subject: Some(registered.sub.clone()),
        audiences: Some(Audiences::AsString(registered.aud.clone())),
        jwt_id: Some(registered.jti.clone()),
        nonce: None,
        custom,
    }
}

pub(crate) type SignatureOnly = NoCustomClaims;
