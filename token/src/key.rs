//! Keys: our own for signing, others' public ones by `kid`.

use std::collections::BTreeMap;

use jwt_simple::prelude::*;
use pinlatch_protocol::api::Secret;
use serde_json::{Value, json};

use crate::kind::Kind;
use crate::policy::{Registered, SignatureOnly, claims};
use crate::refusal::{Refusal, excerpt};
use crate::strict::Object;

/// Why a key or key set is refused. It never shows key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not JSON of the expected form.
    #[error("not a JSON Web Key: {0}")]
    Form(&'static str),
    /// Two keys of a set have one `kid`.
    #[error("two keys have the kid {0:?}")]
    DuplicateKid(String),
    /// The key's `kty`, `crv`, `alg` or `use` does not fit what it is for.
    #[error("the key is not usable here: {0}")]
    Unfit(&'static str),
    /// A set without a key that can do what is needed.
    #[error("the set holds no {0}")]
    Missing(&'static str),
}

/// An Ed25519 private key that signs tokens. Its `kid` is its RFC 7638 thumbprint.
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
    /// Makes a new key.
    pub fn generate() -> Self {
        Self::of(Ed25519KeyPair::generate())
    }

    /// Reads a private JWK (RFC 8037: `kty` OKP, `crv` Ed25519).
    pub fn from_jwk(jwk: &str) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_jwk(jwk).map(Self::of).map_err(|_| KeyError::Form("no private Ed25519 JWK"))
    }

    fn of(pair: Ed25519KeyPair) -> Self {
        let kid = pair.jwk_thumbprint();
        Self { pair: pair.with_key_id(&kid), kid }
    }

    /// The private key, for a file that only its owner can read.
    pub fn to_private_jwk(&self) -> Secret {
        Secret::new(self.pair.to_jwk())
    }

    /// The public half as a JWK with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> Value {
        self.public().to_jwk()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey { key: self.pair.public_key(), kid: self.kid.clone() }
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs a token of a kind.
    pub(crate) fn sign(
        &self,
        kind: Kind,
        registered: &Registered,
        custom: Object,
    ) -> Result<String, Refusal> {
        let header = HeaderOptions { signature_type: Some(kind.typ().into()), ..HeaderOptions::default() };
        self.pair
            .sign_with_options(claims(registered, custom), &header)
            .map_err(|_| Refusal::Malformed("it could not be signed"))
    }
}

/// An Ed25519 public key.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: Ed25519PublicKey,
    kid: String,
}

impl PublicKey {
    /// Reads a public JWK (RFC 8037). The `kid` is always the thumbprint; one that says otherwise is refused.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let object = jwk.as_object().ok_or(KeyError::Form("it is not an object"))?;
        if object.contains_key("d") {
            return Err(KeyError::Unfit("it is a private key"));
        }
        if object.get("use").is_some_and(|usage| usage != "sig") {
            return Err(KeyError::Unfit("its use is not sig"));
        }
        let key = Ed25519PublicKey::from_jwk(&jwk.to_string())
            .map_err(|_| KeyError::Form("no public Ed25519 JWK"))?;
        let kid = key.jwk_thumbprint();
        if object.get("kid").is_some_and(|own| *own != Value::String(kid.clone())) {
            return Err(KeyError::Unfit("its kid is not its thumbprint"));
        }
        Ok(Self { key: key.with_key_id(&kid), kid })
    }

    /// The RFC 7638 thumbprint, base64url.
    pub fn thumbprint(&self) -> &str {
        &self.kid
    }

    /// The JWK with `kid`, `alg` and `use`.
    pub fn to_jwk(&self) -> Value {
        let raw = crate::b64::encode(&self.key.to_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": raw, "kid": self.kid, "alg": "EdDSA", "use": "sig" })
    }

    /// The `alg` that tokens by this key carry.
    pub(crate) fn alg(&self) -> &'static str {
        "EdDSA"
    }

    pub(crate) fn verify_signature(&self, token: &str, options: &VerificationOptions) -> Result<(), Refusal> {
        self.key
            .verify_token::<SignatureOnly>(token, Some(options.clone()))
            .map(|_| ())
            .map_err(|_| Refusal::BadSignature)
    }
}

/// Public keys, selected by `kid` and by nothing else.
#[derive(Debug, Clone, Default)]
pub struct KeySet(BTreeMap<String, PublicKey>);

impl KeySet {
    /// Reads a JWK Set (RFC 7517 §5), as a whole or not at all.
    pub fn from_jwks(jwks: &Value) -> Result<Self, KeyError> {
        let keys =
            jwks.get("keys").and_then(Value::as_array).ok_or(KeyError::Form("it has no list of keys"))?;
        let mut set = Self::default();
        for jwk in keys {
            set.add(PublicKey::from_jwk(jwk)?)?;
        }
        if set.0.is_empty() { Err(KeyError::Missing("key")) } else { Ok(set) }
    }

    /// Adds a key.
    pub fn add(&mut self, key: PublicKey) -> Result<(), KeyError> {
        let kid = key.kid.clone();
        match self.0.insert(kid.clone(), key) {
            None => Ok(()),
            Some(_) => Err(KeyError::DuplicateKid(kid)),
        }
    }

    /// The JWK Set.
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.0.values().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }

    pub(crate) fn select(&self, kid: Option<&str>) -> Result<&PublicKey, Refusal> {
        let kid = kid.ok_or_else(|| Refusal::UnknownKey("(none)".into()))?;
        self.0.get(kid).ok_or_else(|| Refusal::UnknownKey(excerpt(kid)))
    }
}

impl From<PublicKey> for KeySet {
    fn from(key: PublicKey) -> Self {
        Self(BTreeMap::from([(key.kid.clone(), key)]))
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

    #[test]
    fn a_set_is_taken_whole_or_not_at_all() {
        let (one, two) = (SigningKey::generate(), SigningKey::generate());
        let set = |keys: Vec<Value>| KeySet::from_jwks(&json!({ "keys": keys }));
        assert!(set(vec![one.public_jwk(), two.public_jwk()]).is_ok());
        assert!(matches!(set(vec![one.public_jwk(), one.public_jwk()]), Err(KeyError::DuplicateKid(_))));
        assert!(matches!(set(vec![]), Err(KeyError::Missing(_))));
        let private: Value = serde_json::from_str(one.to_private_jwk().expose()).unwrap();
        assert!(matches!(set(vec![private]), Err(KeyError::Unfit(_))));
        let mut renamed = one.public_jwk();
        renamed["kid"] = json!("../../etc/passwd");
        assert!(matches!(set(vec![renamed]), Err(KeyError::Unfit(_))));
        let mut other_use = one.public_jwk();
        other_use["use"] = json!("enc");
        assert!(matches!(set(vec![other_use]), Err(KeyError::Unfit(_))));
        assert!(matches!(set(vec![json!({ "kty": "oct", "k": "AAAA" })]), Err(KeyError::Form(_))));
    }
}
