//! This module defines sets of keys that verify tokens. The `kid` in a token's header selects a key of the set.

pub(crate) mod alg;
pub(crate) mod holder;
pub(crate) mod key;
pub(crate) mod key_error;
pub(crate) mod minting;
pub(crate) mod secret;
pub(crate) mod verifying;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::jwt::refusal::{Refusal, excerpt};
use crate::keys::alg::{Algorithm, names};
use crate::keys::key::PublicKey;
use crate::keys::key_error::KeyError;
use crate::keys::verifying::VerifyingKey;

/// The maximum number of keys in a key set.
const MAX_KEYS: usize = 64;

/// A set of keys that verify tokens. If one key of the set is invalid, the whole set is refused.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    /// Whether the only key of the set verifies tokens with any `kid`. The value is true if the key was parsed as a
    /// single key and not as a JWK Set.
    whatever_kid: bool,
    /// The id of the key set in the signature cache. If one key set has verified a signature, the result must not be
    /// used for another key set.
    id: [u8; 32],
}

impl KeySet {
    /// Parses an issuer's JWK Set (RFC 7517 §5). If one key is invalid, the whole set is refused. A public key for
    /// encryption is ignored. The `use` and the `alg` of a key show that the key is for encryption. A key without `alg`
    /// gets the algorithms in `algorithms`. If `algorithms` is empty, an RSA key gets RS256 and a secret gets HS256.
    pub fn from_jwks(jwks: &Value, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let mut set = Self::default();
        // An issuer publishes its encryption keys together with its verification keys. If the `use` and the `alg` of a
        // key contradict each other, the key is not ignored, and the whole set is refused.
        let sealing = |jwk: &&Value| {
            let alg = jwk.get("alg").and_then(Value::as_str).unwrap_or_default();
            let for_sealing = alg.starts_with("ECDH-ES") || alg.starts_with("RSA-OAEP");
            for_sealing && jwk.get("use").is_some_and(|usage| usage == "enc")
        };
        for jwk in list(jwks)?.iter().filter(|jwk| !sealing(jwk)) {
            set.insert(VerifyingKey::from_jwk(jwk, algorithms)?)?;
        }
        set.complete()
    }

    /// Parses a JWK Set that an issuer publishes at a URL. The set can contain keys for other purposes (RFC 7517 §5). A
    /// key is ignored if the key is not for signatures or has an unknown type. If `algorithms` is not empty, a key for
    /// other algorithms is also ignored. If the set contains a shared secret or an otherwise invalid key, the whole set
    /// is refused.
    pub fn from_published_jwks(jwks: &Value, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let mut set = Self::default();
        for jwk in list(jwks)? {
            if jwk.get("kty").is_some_and(|kty| kty == "oct") {
                return Err(KeyError::Mixed);
            }
            match VerifyingKey::from_jwk(jwk, algorithms) {
                Ok(key)
                    if !algorithms.is_empty() && key.algorithms().all(|own| !algorithms.contains(&own)) => {}
                Ok(key) => set.insert(key)?,
                Err(KeyError::Unfit(_)) => {}
                Err(error) => return Err(error),
            }
        }
        set.complete()
    }

    /// Returns whether the set contains a key with this `kid`.
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Parses a JWK Set of Pinlatch's own public keys. Each key must be an Ed25519 key whose `kid` is its thumbprint.
    pub fn from_own_jwks(jwks: &Value) -> Result<Self, KeyError> {
        let mut set = Self::default();
        for jwk in list(jwks)? {
            set.add(PublicKey::from_jwk(jwk)?)?;
        }
        set.complete()
    }

    /// Parses the contents of a key file: a PEM public key, a JWK, or a JWK Set. Any other contents are the bytes of a
    /// shared secret. A line end at the end of the file does not belong to the secret. A single key verifies tokens
    /// with any `kid`.
    pub fn from_key_file(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let trimmed = text.trim();
        let key = if trimmed.starts_with("-----BEGIN ") {
            VerifyingKey::from_pem(trimmed, algorithms)?
        } else if trimmed.starts_with('{') {
            let jwk: Value = serde_json::from_str(trimmed)
                .map_err(|_| KeyError::Form("the text starts with `{` but is not valid JSON"))?;
            if jwk.get("keys").is_some() {
                return Self::from_jwks(&jwk, algorithms);
            }
            VerifyingKey::from_jwk(&jwk, algorithms)?
        } else {
            VerifyingKey::from_secret(without_line_end(bytes), algorithms)?
        };
        let mut set = Self { whatever_kid: true, ..Self::default() };
        set.insert(key)?;
        set.complete()
    }

    /// Adds one of Pinlatch's own public keys to the set.
    pub fn add(&mut self, key: PublicKey) -> Result<(), KeyError> {
        self.insert(key.verifying())
    }

    fn insert(&mut self, key: VerifyingKey) -> Result<(), KeyError> {
        if let Some(kid) = &key.kid
            && self.keys.iter().any(|other| other.kid.as_ref() == Some(kid))
        {
            return Err(KeyError::DuplicateKid(excerpt(kid)));
        }
        if self.keys.iter().any(|other| other.is_secret() != key.is_secret()) {
            return Err(KeyError::Mixed);
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyError::Form("the key set has more than 64 keys"));
        }
        let mut id = blake3::Hasher::new();
        id.update(&self.id).update(&key.fingerprint);
        id.update(key.kid.as_deref().unwrap_or_default().as_bytes());
        for algorithm in key.algorithms() {
            id.update(algorithm.name().as_bytes());
        }
        self.id = *id.finalize().as_bytes();
        self.keys.push(key);
        Ok(())
    }

    pub(crate) fn of(key: VerifyingKey) -> Result<Self, KeyError> {
        let mut set = Self::default();
        set.insert(key)?;
        Ok(set)
    }

    fn complete(self) -> Result<Self, KeyError> {
        if self.keys.is_empty() { Err(KeyError::Missing("key")) } else { Ok(self) }
    }

    /// Returns the public keys as a JWK Set, without secrets.
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().filter_map(|key| key.jwk.as_ref()).collect::<Vec<_>>() })
    }

    /// Returns the algorithms of all keys in the set, without duplicates.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let all: BTreeSet<Algorithm> = self.keys.iter().flat_map(VerifyingKey::algorithms).collect();
        all.into_iter().collect()
    }

    pub(crate) fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Selects the key that verifies a token, by the token's header. If the header has no `kid`, exactly one key must
    /// support the token's algorithm. If `kid_required` is true, as for Pinlatch's own tokens, a header without `kid`
    /// is refused.
    pub(crate) fn select(
        &self,
        kid: Option<&str>,
        alg: &str,
        kid_required: bool,
    ) -> Result<(&VerifyingKey, Algorithm), Refusal> {
        let algorithm = Algorithm::by_name(alg);
        let suits = |key: &&VerifyingKey| algorithm.is_some_and(|alg| key.algorithms().any(|own| own == alg));
        let wrong = |expected: String| Refusal::WrongAlgorithm { found: excerpt(alg), expected };
        let key = match kid {
            _ if self.whatever_kid => self.keys.first(),
            Some(kid) => self.keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
            None if kid_required => None,
            None => {
                let mut suited = self.keys.iter().filter(suits);
                match (suited.next(), suited.next()) {
                    (Some(key), None) => Some(key),
                    (Some(_), Some(_)) => {
                        return Err(Refusal::UnknownKey("(missing, but several keys fit)".into()));
                    }
                    (None, _) => return Err(wrong(names(self.algorithms()))),
                }
            }
        };
        let key = key.ok_or_else(|| Refusal::UnknownKey(kid.map_or_else(|| "(missing)".into(), excerpt)))?;
        match algorithm.filter(|_| suits(&key)) {
            Some(algorithm) => Ok((key, algorithm)),
            None => Err(wrong(names(key.algorithms()))),
        }
    }
}

impl From<PublicKey> for KeySet {
    fn from(key: PublicKey) -> Self {
        let mut set = Self::default();
        // Adding the first key to an empty set never fails.
        let _ = set.add(key);
        set
    }
}

fn list(jwks: &Value) -> Result<&Vec<Value>, KeyError> {
    jwks.get("keys")
        .and_then(Value::as_array)
        .ok_or(KeyError::Form("the member `keys` of the JWK Set is missing or is not an array"))
}

/// Removes the line end that a text editor adds at the end of a file.
pub(crate) fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key::SigningKey;

    fn oct(alg: &str, kid: &str) -> Value {
        let secret: Vec<u8> = (0..64).map(|byte: u8| byte.wrapping_mul(37)).collect();
        json!({ "kty": "oct", "k": crate::jwt::b64::encode(&secret), "alg": alg, "kid": kid })
    }

    fn refusal(keys: Vec<Value>) -> &'static str {
        KeySet::from_jwks(&json!({ "keys": keys }), &[]).unwrap_err().code()
    }

    #[test]
    fn a_set_is_taken_whole_or_not_at_all() {
        let (one, two) = (SigningKey::generate(), SigningKey::generate());
        let own = |keys: Vec<Value>| KeySet::from_own_jwks(&json!({ "keys": keys }));
        assert!(own(vec![one.public_jwk(), two.public_jwk()]).is_ok());
        assert!(matches!(own(vec![one.public_jwk(), one.public_jwk()]), Err(KeyError::DuplicateKid(_))));
        assert!(matches!(own(vec![]), Err(KeyError::Missing(_))));
        let private: Value = serde_json::from_str(one.to_private_jwk().expose()).unwrap();
        assert_eq!(own(vec![private.clone()]).unwrap_err(), KeyError::Private);
        assert_eq!(refusal(vec![private]), "private_key");
        let mut renamed = one.public_jwk();
        renamed["kid"] = json!("../../etc/passwd");
        assert!(matches!(own(vec![renamed]), Err(KeyError::Unfit(_))));
        let mut other_use = one.public_jwk();
        other_use["use"] = json!("enc");
        assert!(matches!(own(vec![other_use.clone()]), Err(KeyError::Unfit(_))));
        assert_eq!(
            refusal(vec![other_use, two.public_jwk()]),
            "unfit_key",
            "its alg is a signature algorithm"
        );
        let sealing =
            json!({ "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "use": "enc", "kid": "s" });
        assert_eq!(refusal(vec![sealing.clone()]), "missing_key", "no key can verify");
        let beside = KeySet::from_jwks(&json!({ "keys": [sealing, two.public_jwk()] }), &[]).unwrap();
        assert_eq!(beside.to_jwks()["keys"].as_array().unwrap().len(), 1);
        let mut odd_use = one.public_jwk();
        odd_use["use"] = json!("tls");
        assert_eq!(refusal(vec![two.public_jwk(), odd_use]), "unfit_key");
        assert!(matches!(own(vec![json!({ "kty": "oct", "k": "AAAA" })]), Err(KeyError::Form(_))));
    }

    #[test]
    fn each_fault_of_a_key_has_its_reason() {
        let ed = SigningKey::generate().public_jwk();
        let with = |key: &Value, member: &str, value: Value| {
            let mut key = key.clone();
            key[member] = value;
            key
        };
        let n = |bytes: usize| {
            let mut n = vec![0xc5; bytes];
            n[bytes - 1] |= 1;
            crate::jwt::b64::encode(&n)
        };
        let rsa = json!({ "kty": "RSA", "n": n(256), "e": "AQAB" });
        assert!(KeySet::from_jwks(&json!({ "keys": [rsa] }), &[]).is_ok());
        for (keys, code) in [
            (vec![oct("HS256", "a"), oct("HS256", "a")], "duplicate_kid"),
            (vec![oct("HS256", "a"), ed.clone()], "mixed_set"),
            (vec![ed.clone(), with(&rsa, "n", json!(n(128)))], "rsa_size"),
            (vec![with(&rsa, "n", json!(n(255)))], "rsa_size"),
            (vec![with(&rsa, "n", json!(n(1024)))], "rsa_size"),
            (vec![with(&rsa, "e", json!("Aw"))], "rsa_exponent"),
            (vec![json!({ "kty": "oct", "k": "c2hvcnQ", "alg": "HS256" })], "short_secret"),
            (vec![with(&oct("HS256", "a"), "k", json!("A".repeat(64)))], "monotonous_secret"),
            (vec![with(&ed, "alg", json!("ES256"))], "unfit_key"),
            (vec![with(&rsa, "alg", json!("HS256"))], "unfit_key"),
            (vec![with(&oct("HS256", "a"), "alg", json!("RS256"))], "unfit_key"),
            (vec![with(&ed, "alg", json!("none"))], "unfit_key"),
            (vec![with(&ed, "crv", json!("Ed448"))], "unfit_key"),
            (vec![with(&ed, "key_ops", json!(["sign"]))], "unfit_key"),
            (vec![with(&ed, "kty", json!("AKP"))], "unfit_key"),
            (vec![with(&ed, "x", json!("AAAA"))], "key_form"),
            (vec![with(&ed, "kid", json!(7))], "key_form"),
            (vec![json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" })], "key_form"),
            (vec![json!({ "kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA" })], "unfit_key"),
            (vec![json!("key")], "key_form"),
            (vec![], "missing_key"),
        ] {
            assert_eq!(refusal(keys.clone()), code, "{keys:?}");
        }
        let many = (0..65).map(|n| oct("HS256", &format!("k{n}"))).collect();
        assert_eq!(refusal(many), "key_form");
    }

    #[test]
    fn what_is_for_others_in_a_published_set_is_passed_over() {
        let signing = SigningKey::generate().public_jwk();
        let mut sealing = SigningKey::generate().public_jwk();
        sealing["use"] = json!("enc");
        let later = json!({ "kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA" });
        let published = |keys: Value| KeySet::from_published_jwks(&json!({ "keys": keys }), &[]);
        let set = published(json!([sealing, later, signing])).unwrap();
        assert!(set.knows(signing["kid"].as_str().unwrap()) && !set.knows(sealing["kid"].as_str().unwrap()));
        assert_eq!(published(json!([sealing])).unwrap_err().code(), "missing_key");
        let narrowed = |algorithm| {
            KeySet::from_published_jwks(&json!({ "keys": [signing] }), &[algorithm])
                .map(|set| set.algorithms())
        };
        assert_eq!(narrowed(Algorithm::EdDsa), Ok(vec![Algorithm::EdDsa]));
        assert_eq!(
            narrowed(Algorithm::Es256).unwrap_err().code(),
            "missing_key",
            "the key has other algorithms"
        );
        assert_eq!(published(json!([signing, oct("HS256", "a")])).unwrap_err().code(), "mixed_set");
        assert_eq!(published(json!([signing, signing])).unwrap_err().code(), "duplicate_kid");
    }

    #[test]
    fn a_file_holds_pem_json_or_a_secret() {
        let code = |bytes: &[u8]| KeySet::from_key_file(bytes, &[]).unwrap_err().code();
        assert_eq!(code(b"shhhhh"), "short_secret");
        assert_eq!(code(b""), "short_secret");
        assert_eq!(code(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "key_form");
        assert_eq!(code(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "unfit_key");
        assert_eq!(code(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "private_key");
        assert_eq!(code(b"{\"kty\":"), "key_form");
        let secret: Vec<u8> = (1..=32).collect();
        let with_line_end = [&secret[..], b"\n"].concat();
        let id = |bytes: &[u8]| *KeySet::from_key_file(bytes, &[]).unwrap().id();
        assert_eq!(id(&secret), id(&with_line_end));
        assert_ne!(id(&secret), id(&(2..=33).collect::<Vec<u8>>()));
    }

    #[test]
    fn a_set_differs_from_every_other() {
        let id = |keys: Vec<Value>| *KeySet::from_jwks(&json!({ "keys": keys }), &[]).unwrap().id();
        let sets = [
            vec![oct("HS256", "a")],
            vec![oct("HS256", "b")],
            vec![oct("HS384", "a")],
            vec![oct("HS256", "a"), oct("HS256", "b")],
            vec![SigningKey::generate().public_jwk()],
        ];
        for (n, one) in sets.iter().enumerate() {
            assert_eq!(id(one.clone()), id(one.clone()));
            assert!(sets.iter().skip(n + 1).all(|other| id(one.clone()) != id(other.clone())));
        }
    }
}
