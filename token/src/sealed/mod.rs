//! This module handles sealed tokens. A sealed token is a signed JWT inside a JWE that only the edge can decrypt (RFC
//! 7516, compact form; RFC 7519 §5.2).
//!
//! Encryption hides the signed JWT but does not prove who sent the token, because anyone can encrypt a token for the
//! edge. The policy therefore verifies the decrypted JWT like any other token. A malformed token is refused before any
//! cryptography is done. All later failures return the same error (RFC 7516 §11.5), so that an attacker cannot learn
//! from failed attempts.

mod cipher;
mod content;
mod envelope;
mod keys;
mod opening;
mod sealing;

pub use content::is_sealed;
pub(crate) use keys::KeyAlgorithm;
pub(crate) use opening::OpeningKey;
pub use sealing::SealingKey;

use crate::jwt::refusal::{Refusal, excerpt};
use content::check_content;
use envelope::Envelope;

/// Decrypts a sealed token with one of the keys. Returns the signed JWT inside the token, whose signature is not
/// verified yet.
pub(crate) fn open<'k>(
    token: &str,
    keys: impl Iterator<Item = &'k OpeningKey> + Clone,
) -> Result<String, Refusal> {
    let envelope = Envelope::parse(token)?;
    let key = select(&envelope, keys)?;
    let plain = key.open(&envelope).ok_or(Refusal::NotDecrypted)?;
    let token = String::from_utf8(plain).map_err(|_| Refusal::BadContent("the content is not UTF-8 text"))?;
    check_content(&token)?;
    Ok(token)
}

/// Checks the form and the header of a sealed token. All other checks need the recipient's private key.
pub(crate) fn check(token: &str) -> Result<(), Refusal> {
    Envelope::parse(token).map(drop)
}

/// Selects the key that decrypts a sealed token. If the header has no `kid`, exactly one key must support the algorithm
/// in the header.
fn select<'k>(
    envelope: &Envelope<'_>,
    mut keys: impl Iterator<Item = &'k OpeningKey> + Clone,
) -> Result<&'k OpeningKey, Refusal> {
    let known: Vec<&str> = keys.clone().map(|key| key.algorithm().name()).collect();
    if known.is_empty() {
        return Err(Refusal::NoEncryptionKey);
    }
    let alg = envelope.algorithm;
    let wrong = |expected: String| Refusal::WrongAlgorithm { found: alg.name().into(), expected };
    if let Some(kid) = &envelope.kid {
        let key = keys.find(|key| key.kid() == kid).ok_or_else(|| Refusal::UnknownKey(excerpt(kid)))?;
        return if key.algorithm() == alg { Ok(key) } else { Err(wrong(key.algorithm().name().into())) };
    }
    let mut suited = keys.filter(|key| key.algorithm() == alg);
    match (suited.next(), suited.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(Refusal::UnknownKey("(missing, but several keys fit)".into())),
        (None, _) => Err(wrong(known.join(" or "))),
    }
}
