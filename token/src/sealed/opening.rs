//! This module contains the edge's key pairs for sealed tokens.

use p256::SecretKey;
use p256::elliptic_curve::Generate;
use serde_json::Value;

use super::cipher::{Key, WRAPPED, agree, unwrap};
use super::envelope::Envelope;
use super::keys::{KeyAlgorithm, bytes, point, point_jwk, thumbprint};
use super::rsa_key::RsaKey;
use crate::jwt::b64;
use crate::jwt::strict::Object;
use crate::keys::key_error::KeyError;
use crate::keys::verifying::kid_of;

/// A key pair that decrypts sealed tokens with one algorithm.
#[derive(Clone)]
pub(crate) struct OpeningKey {
    kid: String,
    algorithm: KeyAlgorithm,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    P256(SecretKey),
    Rsa(RsaKey),
}

impl OpeningKey {
    /// Generates a P-256 key whose `kid` is its thumbprint.
    pub fn generate() -> Self {
        let secret = SecretKey::generate_from_rng(&mut rand::rng());
        let kid = thumbprint(&point_jwk(&secret.public_key()));
        Self { kid, algorithm: KeyAlgorithm::EcdhEsA256Kw, pair: Pair::P256(secret) }
    }

    /// Parses a private JWK whose `use` is `enc`. If the JWK has no `kid`, the thumbprint of the key becomes the `kid`.
    pub fn from_jwk(jwk: &Object) -> Result<Self, KeyError> {
        if jwk.get("use").is_none_or(|usage| usage != "enc") {
            return Err(KeyError::Unfit(
                "the edge decrypts tokens with its P-256 and RSA keys, so their `use` must be `enc`",
            ));
        }
        let algorithm = KeyAlgorithm::of(jwk)?;
        let pair = if algorithm.agrees() { p256(jwk)? } else { Pair::Rsa(RsaKey::from_jwk(jwk)?) };
        let kid = kid_of(jwk)?.unwrap_or_else(|| thumbprint(&pair.public_jwk()));
        Ok(Self { kid, algorithm, pair })
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns the private key as a JWK for the secret `EDGE_KEYS`.
    pub fn to_private_jwk(&self) -> Value {
        let mut jwk = self.named(self.pair.public_jwk());
        match &self.pair {
            Pair::P256(secret) => {
                jwk.insert("d".into(), b64::encode(&secret.to_bytes()).into());
            }
            Pair::Rsa(key) => jwk.extend(key.written_jwk().clone()),
        }
        Value::Object(jwk)
    }

    /// Returns the public half of the key as a JWK with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> Value {
        Value::Object(self.named(self.pair.public_jwk()))
    }

    fn named(&self, mut jwk: Object) -> Object {
        for (name, value) in [("kid", self.kid.as_str()), ("alg", self.algorithm.name()), ("use", "enc")] {
            jwk.insert(name.into(), value.into());
        }
        jwk
    }

    /// Returns the RSA key. Returns `None` if the key is a P-256 key.
    pub(super) fn rsa(&self) -> Option<&RsaKey> {
        match &self.pair {
            Pair::P256(_) => None,
            Pair::Rsa(key) => Some(key),
        }
    }

    /// Returns the length of an encrypted content key, in bytes.
    pub(super) fn wrapped_length(&self) -> usize {
        match &self.pair {
            Pair::P256(_) => WRAPPED,
            Pair::Rsa(key) => key.modulus_length(),
        }
    }

    /// Returns the content key of a sealed token. `decrypted` is the result of the RSA operation, if the key is an RSA
    /// key.
    pub(super) fn content_key(&self, envelope: &Envelope<'_>, decrypted: Option<&[u8]>) -> Option<Key> {
        match &self.pair {
            Pair::P256(secret) => {
                let agreement = envelope.agreement.as_ref()?;
                let wrapping = agree(secret, &agreement.epk, &agreement.apu, &agreement.apv);
                unwrap(&wrapping, &envelope.wrapped_key)
            }
            Pair::Rsa(_) => decrypted?.try_into().ok(),
        }
    }
}

impl Pair {
    /// Returns a JWK that contains only the members of the public key.
    fn public_jwk(&self) -> Object {
        match self {
            Self::P256(secret) => point_jwk(&secret.public_key()),
            Self::Rsa(key) => key.public_jwk(),
        }
    }
}

fn p256(jwk: &Object) -> Result<Pair, KeyError> {
    let d = bytes(jwk, "d").filter(|d| d.len() == 32);
    let d = d.ok_or(KeyError::Form("the member `d` must be 256 bits in base64url"))?;
    let secret = SecretKey::from_slice(&d)
        .map_err(|_| KeyError::Form("the member `d` is not a valid P-256 private key"))?;
    if point(jwk).map_err(KeyError::Form)? != secret.public_key() {
        return Err(KeyError::Form("the public key (`x` and `y`) does not belong to the private key (`d`)"));
    }
    Ok(Pair::P256(secret))
}
