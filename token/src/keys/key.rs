//! This module defines Pinlatch's own Ed25519 keys, which sign and verify tokens.

use jwt_simple::prelude::*;
use pinlatch_protocol::api::Secret;
use serde_json::{Value, json};

use crate::jwt::claims::{Registered, claims};
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Object;
use crate::keys::key_error::KeyError;
use crate::keys::verifying::VerifyingKey;

/// An Ed25519 private key that signs tokens. The `kid` of the key is the key's RFC 7638 thumbprint.
#[derive(Clone)]
pub struct SigningKey {
    pair: Ed25519KeyPair,
    kid: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    /// Generates a new signing key.
    pub fn generate() -> Self {
        Self::of(Ed25519KeyPair::generate())
    }

    /// Parses a private Ed25519 JWK (RFC 8037), in which `kty` is OKP and `crv` is Ed25519.
    pub fn from_jwk(jwk: &str) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_jwk(jwk)
            .map(Self::of)
            .map_err(|_| KeyError::Form("the text is not a private Ed25519 JWK"))
    }

    fn of(pair: Ed25519KeyPair) -> Self {
        let kid = pair.jwk_thumbprint();
        Self { pair: pair.with_key_id(&kid), kid }
    }

    /// Returns the private key as a JWK. The caller must store the JWK in a file that only the owner can read.
    pub fn to_private_jwk(&self) -> Secret {
        Secret::new(self.pair.to_jwk())
    }

    /// Returns the public half of the key as a JWK with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> Value {
        self.public().to_jwk()
    }

    /// Returns the public half of the key.
    pub fn public(&self) -> PublicKey {
        PublicKey { key: self.pair.public_key(), kid: self.kid.clone() }
    }

    /// Returns the `kid` of the key, which is the key's RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs a token of the given kind.
    pub(crate) fn sign(
        &self,
        kind: Kind,
        registered: &Registered,
        custom: Object,
    ) -> Result<String, Refusal> {
        let header = HeaderOptions { signature_type: Some(kind.typ().into()), ..HeaderOptions::default() };
        self.pair
            .sign_with_options(claims(registered, custom), &header)
            .map_err(|_| Refusal::Malformed("signing failed"))
    }
}

/// An Ed25519 public key that verifies tokens.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: Ed25519PublicKey,
    kid: String,
}

impl PublicKey {
    /// Parses a public Ed25519 JWK (RFC 8037). If the JWK has a `kid`, the `kid` must be the key's thumbprint.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let object = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
        if object.contains_key("d") {
            return Err(KeyError::Private);
        }
        if object.get("use").is_some_and(|usage| usage != "sig") {
            return Err(KeyError::Unfit("the member `use` of the key must be `sig`"));
        }
        let key = Ed25519PublicKey::from_jwk(&jwk.to_string())
            .map_err(|_| KeyError::Form("the JWK is not a public Ed25519 JWK"))?;
        let kid = key.jwk_thumbprint();
        if object.get("kid").is_some_and(|own| *own != Value::String(kid.clone())) {
            return Err(KeyError::Unfit("the `kid` of the key must be the key's RFC 7638 thumbprint"));
        }
        Ok(Self { key: key.with_key_id(&kid), kid })
    }

    /// Returns the RFC 7638 thumbprint of the key, in base64url.
    pub fn thumbprint(&self) -> &str {
        &self.kid
    }

    /// Returns the key as a JWK with `kid`, `alg` and `use`.
    pub fn to_jwk(&self) -> Value {
        let raw = crate::jwt::b64::encode(&self.key.to_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": raw, "kid": self.kid, "alg": "EdDSA", "use": "sig" })
    }

    pub(crate) fn verifying(&self) -> VerifyingKey {
        VerifyingKey::own(&self.kid, self.key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_jwk() {
        let key = SigningKey::generate();
        let again = SigningKey::from_jwk(key.to_private_jwk().expose()).unwrap();
        assert_eq!(again.kid(), key.kid());
        let public = PublicKey::from_jwk(&key.public_jwk()).unwrap();
        assert_eq!(public.thumbprint(), key.kid());
        assert_eq!(public.to_jwk(), key.public_jwk());
    }
}
