//! This module generates test keys for all algorithms, in all forms of key files.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_simple::prelude::{ES256KeyPair, ES384KeyPair, Ed25519KeyPair, RS256KeyPair};
use pinlatch_token::{Algorithm, KeySet, MintingKey, random_id};
use serde_json::{Map, Value, json};

/// An RSA key that all six RSA algorithms share. The key is generated only once, because the generation of an RSA key
/// takes a second.
static RSA: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());

/// A test key in every form of a key file.
pub struct Key {
    pub algorithm: Algorithm,
    /// The private key in each form of a key file.
    pub private: Vec<Vec<u8>>,
    /// The public key as a member of a JWK Set.
    pub jwk: Value,
    /// The public key in each form of a key file with a single key.
    pub files: Vec<Vec<u8>>,
}

pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Returns a random secret of 66 text characters. Reading the secret from a file does not change the secret.
pub fn secret() -> Vec<u8> {
    (0..3).flat_map(|_| random_id().into_bytes()).collect()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

impl Key {
    /// Generates a new key for the algorithm. For an RSA algorithm, the function returns the shared RSA key.
    pub fn of(algorithm: Algorithm) -> Self {
        let (private_pem, private_jwk, public_pem, public_jwk) = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                return Self::of_secret(algorithm, &secret());
            }
            Algorithm::Es256 => {
                let pair = ES256KeyPair::generate();
                let public = pair.public_key();
                (pair.to_pem().unwrap(), pair.to_jwk(), public.to_pem().unwrap(), public.to_jwk())
            }
            Algorithm::Es384 => {
                let pair = ES384KeyPair::generate();
                let public = pair.public_key();
                (pair.to_pem().unwrap(), pair.to_jwk(), public.to_pem().unwrap(), public.to_jwk())
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate();
                let public = pair.public_key();
                // `to_pem` writes the private key and the public key into one text.
                let private = pair.to_pem().split("-----BEGIN PUBLIC").next().unwrap().to_owned();
                (private, pair.to_jwk(), public.to_pem(), public.to_jwk())
            }
            _ => {
                let public = RSA.public_key();
                (RSA.to_pem().unwrap(), RSA.to_jwk(), public.to_pem().unwrap(), public.to_jwk())
            }
        };
        let named = |jwk: &str| {
            let mut jwk = json_of(jwk);
            jwk["alg"] = algorithm.name().into();
            jwk
        };
        let (private_jwk, jwk) = (named(&private_jwk), named(&public_jwk));
        Self {
            algorithm,
            private: vec![private_pem.into_bytes(), private_jwk.to_string().into_bytes()],
            files: vec![public_pem.into_bytes(), jwk.to_string().into_bytes()],
            jwk,
        }
    }

    pub fn of_secret(algorithm: Algorithm, secret: &[u8]) -> Self {
        let jwk = json!({ "kty": "oct", "k": encode(secret), "alg": algorithm.name() });
        let forms = vec![secret.to_vec(), [secret, b"\n"].concat(), jwk.to_string().into_bytes()];
        Self { algorithm, private: forms.clone(), files: forms, jwk }
    }

    pub fn mint(&self, kid: Option<&str>, claims: Map<String, Value>) -> String {
        self.mint_as(self.algorithm, kid, claims)
    }

    /// Signs a token with another algorithm of the same key type.
    pub fn mint_as(&self, algorithm: Algorithm, kid: Option<&str>, claims: Map<String, Value>) -> String {
        MintingKey::read(&self.private[0], Some(algorithm)).unwrap().sign("JWT", kid, claims).unwrap()
    }

    /// Returns the public JWK with the given `kid`.
    pub fn named(&self, kid: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = kid.into();
        jwk
    }

    pub fn file(&self) -> KeySet {
        KeySet::from_key_file(&self.files[0], &[self.algorithm]).unwrap()
    }
}
