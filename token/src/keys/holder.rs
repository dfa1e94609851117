//! This module defines the keys of holders. A holder is a program that signs its own calls, for example a person's command
//! line, a script or another device. A holder's key is an Ed25519 key or a P-256 key.

use jwt_simple::prelude::*;
use pinlatch_protocol::api::Secret;
use serde_json::Value;

use crate::jwt::claims::{Registered, claims};
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Object;
use crate::keys::KeySet;
use crate::keys::alg::Algorithm;
use crate::keys::key::SigningKey;
use crate::keys::key_error::KeyError;
use crate::keys::verifying::{VerifyingKey, bare};

const OTHER_TYPE: KeyError = KeyError::Unfit("the key of a holder must be an Ed25519 or a P-256 key");

/// The private key of a holder. The `kid` of the key is the key's RFC 7638 thumbprint.
pub struct HolderKey {
    pair: Pair,
    public: HolderPublicKey,
}

enum Pair {
    EdDsa(SigningKey),
    Es256(ES256KeyPair),
}

impl std::fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HolderKey({})", self.public.kid)
    }
}

impl HolderKey {
    /// Generates a new Ed25519 key.
    pub fn generate() -> Result<Self, KeyError> {
        Self::of_ed25519(SigningKey::generate())
    }

    /// Generates a new P-256 key.
    pub fn generate_p256() -> Result<Self, KeyError> {
        Self::of_p256(ES256KeyPair::generate())
    }

    /// Returns a holder's key with the key of a device or another Ed25519 key.
    pub fn of_ed25519(key: SigningKey) -> Result<Self, KeyError> {
        let public = HolderPublicKey::from_jwk(&key.public_jwk())?;
        Ok(Self { pair: Pair::EdDsa(key), public })
    }

    fn of_p256(pair: ES256KeyPair) -> Result<Self, KeyError> {
        let jwk: Value = serde_json::from_str(&pair.public_key().to_jwk())
            .map_err(|_| KeyError::Form("the public key cannot be written as a JWK"))?;
        let public = HolderPublicKey::from_jwk(&jwk)?;
        Ok(Self { pair: Pair::Es256(pair.with_key_id(&public.kid)), public })
    }

    /// Parses a private JWK of an Ed25519 key (RFC 8037) or of a P-256 key.
    pub fn from_jwk(text: &str) -> Result<Self, KeyError> {
        let jwk: Value =
            serde_json::from_str(text).map_err(|_| KeyError::Form("the JWK is not valid JSON"))?;
        let members = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
        match members.get("kty").and_then(Value::as_str) {
            Some("OKP") => Self::of_ed25519(SigningKey::from_jwk(text)?),
            Some("EC") => {
                let bare = bare(members, &["kty", "crv", "x", "y", "d"]);
                let pair = ES256KeyPair::from_jwk(&bare);
                Self::of_p256(pair.map_err(|_| KeyError::Form("the text is not a private P-256 JWK"))?)
            }
            _ => Err(OTHER_TYPE),
        }
    }

    /// Returns the private key as a JWK. The caller must store the JWK in a file that only the holder can read.
    pub fn to_private_jwk(&self) -> Secret {
        match &self.pair {
            Pair::EdDsa(key) => key.to_private_jwk(),
            Pair::Es256(pair) => Secret::new(pair.to_jwk()),
        }
    }

    /// Returns the public half of the key.
    pub fn public(&self) -> &HolderPublicKey {
        &self.public
    }

    pub(crate) fn sign(
        &self,
        kind: Kind,
        registered: &Registered,
        custom: Object,
    ) -> Result<String, Refusal> {
        match &self.pair {
            Pair::EdDsa(key) => key.sign(kind, registered, custom),
            Pair::Es256(pair) => {
                let header =
                    HeaderOptions { signature_type: Some(kind.typ().into()), ..HeaderOptions::default() };
                pair.sign_with_options(claims(registered, custom), &header)
                    .map_err(|_| Refusal::Malformed("signing failed"))
            }
        }
    }
}

/// The public key of a holder.
#[derive(Debug, Clone)]
pub struct HolderPublicKey {
    jwk: Value,
    kid: String,
    keys: KeySet,
}

impl HolderPublicKey {
    /// Parses a public JWK of an Ed25519 key or of a P-256 key. If the JWK has a `kid`, the `kid` must be the key's
    /// thumbprint (RFC 7638). Other members of the JWK are not kept.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
        let member = |name: &str| members.get(name).and_then(Value::as_str);
        let (algorithm, names): (_, &[&str]) = match (member("kty"), member("crv")) {
            (Some("OKP"), Some("Ed25519")) => (Algorithm::EdDsa, &["kty", "crv", "x"]),
            (Some("EC"), Some("P-256")) => (Algorithm::Es256, &["kty", "crv", "x", "y"]),
            _ => return Err(OTHER_TYPE),
        };
        let mut key = VerifyingKey::from_jwk(jwk, &[algorithm])?;
        let text = bare(members, names);
        let broken = |_| KeyError::Form("the members of the JWK are not a valid public key");
        let kid = match algorithm {
            Algorithm::Es256 => ES256PublicKey::from_jwk(&text).map_err(broken)?.jwk_thumbprint(),
            _ => Ed25519PublicKey::from_jwk(&text).map_err(broken)?.jwk_thumbprint(),
        };
        if key.kid.as_ref().is_some_and(|own| *own != kid) {
            return Err(KeyError::Unfit("the `kid` of the key must be the key's RFC 7638 thumbprint"));
        }
        key.kid = Some(kid.clone());
        let jwk = names.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())));
        Ok(Self { jwk: jwk.collect(), kid, keys: KeySet::of(key)? })
    }

    /// Returns the RFC 7638 thumbprint of the key, in base64url.
    pub fn thumbprint(&self) -> &str {
        &self.kid
    }

    /// Returns the key as a JWK with only the members of the key material.
    pub fn to_jwk(&self) -> &Value {
        &self.jwk
    }

    pub(crate) fn keys(&self) -> &KeySet {
        &self.keys
    }
}

impl PartialEq for HolderPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid
    }
}

impl Eq for HolderPublicKey {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_survive_their_jwk() {
        for key in [HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap()] {
            let again = HolderKey::from_jwk(key.to_private_jwk().expose()).unwrap();
            assert_eq!(again.public(), key.public());
            let public = HolderPublicKey::from_jwk(key.public().to_jwk()).unwrap();
            assert_eq!(public.to_jwk(), key.public().to_jwk());
            assert_eq!(public.thumbprint().len(), 43);
            assert!(public.to_jwk().get("d").is_none() && format!("{key:?}").contains(public.thumbprint()));
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let (ed, p256) = (HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap());
        let with = |key: &HolderKey, name: &str, value: Value| {
            let mut jwk = key.public().to_jwk().clone();
            jwk[name] = value;
            HolderPublicKey::from_jwk(&jwk)
        };
        for key in [&ed, &p256] {
            assert!(with(key, "kid", key.public().thumbprint().into()).is_ok());
            assert!(with(key, "kid", "other".into()).is_err());
            assert!(with(key, "use", "enc".into()).is_err());
            assert!(with(key, "alg", "RS256".into()).is_err());
            assert!(with(key, "crv", "P-384".into()).is_err());
            assert!(with(key, "x", "AAAA".into()).is_err());
            assert!(matches!(with(key, "d", "AAAA".into()), Err(KeyError::Private)));
        }
        for jwk in [json!({}), json!([]), json!({ "kty": "oct", "k": "c2VjcmV0" })] {
            assert!(HolderPublicKey::from_jwk(&jwk).is_err(), "{jwk}");
            assert!(HolderKey::from_jwk(&jwk.to_string()).is_err(), "{jwk}");
        }
        assert!(HolderKey::from_jwk(&ed.public().to_jwk().to_string()).is_err(), "no private half");
        assert!(HolderKey::from_jwk(&p256.public().to_jwk().to_string()).is_err(), "no private half");
    }
}
