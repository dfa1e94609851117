//! Sealed tokens: a signed JWT inside a JWE (RFC 7516 compact; RFC 7519 §5.2) that only the edge opens.
//!
//! A seal hides a token and proves nothing: anybody can seal. So what comes out is text that goes through
//! the ordinary policy. All that can be refused by looking is refused before any cryptography; after that
//! there is one refusal for every failure (RFC 7516 §11.5), so that nobody learns by trying.

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

/// Whether a text has the five parts of a sealed token. A signed one has three.
pub fn is_sealed(token: &str) -> bool {
    token.split('.').take(6).count() == 5
}

/// Opens a sealed token with one of the keys, and returns the signed JWT in it, of which nothing is
/// believed yet.
pub(crate) fn open<'k>(
    token: &str,
    keys: impl Iterator<Item = &'k OpeningKey> + Clone,
) -> Result<String, Refusal> {
    let envelope = Envelope::parse(token)?;
    let key = select(&envelope, keys)?;
    let plain = key.open(&envelope).ok_or(Refusal::NotDecrypted)?;
    let token = String::from_utf8(plain).map_err(|_| Refusal::BadContent("it is not text"))?;
    check_content(&token)?;
    Ok(token)
}

/// Whether the outside of a sealed token is in order, which is all that can be said without its key.
pub(crate) fn check(token: &str) -> Result<(), Refusal> {
    Envelope::parse(token).map(drop)
}

/// The key that a header asks for. Without a `kid` it must be clear which one is meant.
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
        (Some(_), Some(_)) => Err(Refusal::UnknownKey("(none, and several would do)".into())),
        (None, _) => Err(wrong(known.join(" or "))),
    }
}

/// Only the form of a signed JWT may be sealed: one seal, and a signature, whatever it is worth.
fn check_content(token: &str) -> Result<(), Refusal> {
    if is_sealed(token) {
        return Err(Refusal::BadContent("it is sealed once more"));
    }
    match token.split('.').collect::<Vec<_>>().as_slice() {
        [_, _, ""] => Err(Refusal::BadContent("it is not signed")),
        [_, _, _] if token.len() <= MAX_TOKEN => Ok(()),
        [_, _, _] => Err(Refusal::BadContent("it is longer than 8 KiB")),
        _ => Err(Refusal::BadContent("it has not three parts")),
    }
}
