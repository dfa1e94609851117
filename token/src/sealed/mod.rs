//! This module handles sealed tokens. A sealed token is a signed JWT inside a JWE that only the edge can decrypt (RFC
//! 7516, compact form; RFC 7519 §5.2).
//!
//! Encryption hides the signed JWT but does not prove who sent the token, because anyone can encrypt a token for the
//! edge. The policy therefore verifies the decrypted JWT like any other token. A token whose form or header does not
//! fit a key of the edge is refused before any cryptography is done. All later failures return the same error (RFC 7516
//! §11.5), so that an attacker cannot learn from failed attempts.

mod cipher;
mod content;
mod envelope;
mod keys;
mod opened;
mod opening;
mod rsa_key;
mod sealing;

pub use content::is_sealed;
pub(crate) use keys::KeyAlgorithm;
pub use opened::OpenedTokens;
pub(crate) use opening::OpeningKey;
pub use sealing::SealingKey;

use pinlatch_protocol::api::Secret;
use rand::Rng;
use serde_json::Value;

use crate::jwt::refusal::{Refusal, excerpt};
use cipher::{Key, decrypt};
use content::check_content;
use envelope::Envelope;
use rsa_key::RsaKey;

/// A sealed token whose form and header fit a key of the edge. No private key was used yet.
pub struct SealedToken<'k, 't> {
    envelope: Envelope<'t>,
    key: &'k OpeningKey,
}

/// The private RSA operation that a sealed token needs. The caller does this operation with its platform's
/// cryptography, because no implementation in Rust takes a constant time (RUSTSEC-2023-0071).
pub struct RsaOperation<'s> {
    /// The id of the key.
    pub kid: &'s str,
    /// The hash of RSA-OAEP, by its name in WebCrypto: `SHA-1` or `SHA-256`.
    pub hash: &'static str,
    /// The encrypted content key. It is as long as the modulus of the key.
    pub wrapped_key: &'s [u8],
    key: &'s RsaKey,
}

impl<'k, 't> SealedToken<'k, 't> {
    /// Checks the form and the header of a sealed token, and selects the key that decrypts the token.
    pub(crate) fn read(
        token: &'t str,
        keys: impl Iterator<Item = &'k OpeningKey> + Clone,
    ) -> Result<Self, Refusal> {
        let envelope = Envelope::parse(token)?;
        let key = select(&envelope, keys)?;
        if envelope.wrapped_key.len() != key.wrapped_length() {
            return Err(Refusal::Malformed(
                "the encrypted key does not have the length that the key requires",
            ));
        }
        Ok(Self { envelope, key })
    }

    /// Returns the private RSA operation that the caller must do before [`SealedToken::open`]. Returns `None` if the
    /// key is a P-256 key.
    pub fn rsa(&self) -> Option<RsaOperation<'_>> {
        let hash = self.key.algorithm().rsa_hash()?;
        let (kid, wrapped_key) = (self.key.kid(), &self.envelope.wrapped_key);
        Some(RsaOperation { kid, hash, wrapped_key, key: self.key.rsa()? })
    }

    /// Decrypts the content, and returns the signed JWT inside the token, whose signature is not verified yet.
    /// `decrypted` is the result of the RSA operation, or `None` if the operation failed or the key is a P-256 key.
    ///
    /// If there is no content key, the function continues with a random key (RFC 7516 §11.5). All failures then have
    /// the same result and need the same time.
    pub fn open(&self, decrypted: Option<&[u8]>) -> Result<String, Refusal> {
        let mut random = Key::default();
        rand::rng().fill_bytes(&mut random);
        let envelope = &self.envelope;
        let key = self.key.content_key(envelope, decrypted).unwrap_or(random);
        let plain = decrypt(&key, &envelope.nonce, envelope.header, &envelope.content);
        let plain = plain.ok_or(Refusal::NotDecrypted)?;
        let token =
            String::from_utf8(plain).map_err(|_| Refusal::BadContent("the content is not UTF-8 text"))?;
        check_content(&token)?;
        Ok(token)
    }
}

impl RsaOperation<'_> {
    /// Returns the private key as a JWK that WebCrypto can import.
    pub fn private_jwk(&self) -> Secret {
        Secret::new(Value::Object(self.key.complete_jwk().clone()).to_string())
    }
}

impl std::fmt::Debug for RsaOperation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaOperation({:?}, {})", self.kid, self.hash)
    }
}

impl std::fmt::Debug for SealedToken<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedToken({:?})", self.key.kid())
    }
}

/// Checks the form and the header of a sealed token. All other checks need the recipient's keys.
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
