//! Sealed tokens: a signed JWT inside a JWE (RFC 7516 compact; RFC 7519 §5.2), which only the edge can decrypt.
//!
//! Encryption hides a token but does not prove who sent it, because anyone can encrypt for the edge. So the policy
//! verifies the decrypted token like any other token. Malformed tokens are refused before any cryptography. All later
//! failures have the same refusal (RFC 7516 §11.5), so that an attacker cannot learn from failed attempts.

mod cipher;
mod envelope;
mod keys;
mod opening;
mod sealing;

pub(crate) use keys::KeyAlgorithm;
pub(crate) use opening::OpeningKey;
pub use sealing::SealingKey;

use crate::refusal::{Refusal, excerpt};
use crate::strict::MAX_TOKEN;
use envelope::Envelope;

/// Whether a text has the five parts of a sealed token. A signed token has three.
pub fn is_sealed(token: &str) -> bool {
    token.split('.').take(6).count() == 5
}

/// Decrypts a sealed token with one of the keys. Returns the signed JWT inside, which is not verified yet.
pub(crate) fn open<'k>(
    token: &str,
    keys: impl Iterator<Item = &'k OpeningKey> + Clone,
) -> Result<String, Refusal> {
    let envelope = Envelope::parse(token)?;
    let key = select(&envelope, keys)?;
    let plain = key.open(&envelope).ok_or(Refusal::NotDecrypted)?;
    let token = String::from_utf8(plain).map_err(|_| Refusal::BadContent("it is not UTF-8 text"))?;
    check_content(&token)?;
    Ok(token)
}

/// Checks the form and the header of a sealed token. Only the recipient of the token can check more, because all other
/// checks need the key.
pub(crate) fn check(token: &str) -> Result<(), Refusal> {
    Envelope::parse(token).map(drop)
}

/// Selects the key for a header. If the header has no `kid`, exactly one key must fit the algorithm.
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
        (Some(_), Some(_)) => Err(Refusal::UnknownKey("(none, and several keys fit)".into())),
        (None, _) => Err(wrong(known.join(" or "))),
    }
}

/// Checks that the content has the form of a signed JWT: it is not sealed again, and it has a signature. The signature
/// is not verified here.
fn check_content(token: &str) -> Result<(), Refusal> {
    if is_sealed(token) {
        return Err(Refusal::BadContent("it is another sealed token"));
    }
    match token.split('.').collect::<Vec<_>>().as_slice() {
        [_, _, ""] => Err(Refusal::BadContent("it is not signed")),
        [_, _, _] if token.len() <= MAX_TOKEN => Ok(()),
        [_, _, _] => Err(Refusal::BadContent("it is longer than 8 KiB")),
        _ => Err(Refusal::BadContent("it does not have three parts")),
    }
}
