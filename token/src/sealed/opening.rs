//! This module decrypts sealed tokens with the edge's key pairs.

use p256::SecretKey;
use p256::elliptic_curve::Generate;
use rand::Rng;
use rsa_private::sha2::Sha256;
use rsa_private::{BoxedUint, Oaep, RsaPrivateKey};
use serde_json::Value;
use sha1::Sha1;

use super::cipher::{Key, agree, decrypt, unwrap};
use super::envelope::Envelope;
use super::keys::{KeyAlgorithm, bytes, point, point_jwk, thumbprint};
use crate::jwt::b64;
use crate::jwt::strict::Object;
use crate::keys::key_error::KeyError;
use crate::keys::verifying::{kid_of, rsa_public};

/// The members of a private RSA key that Pinlatch writes to `EDGE_KEYS`. Other members of the JWK are dropped.
const RSA_MEMBERS: [&str; 9] = ["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"];

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
    /// The parsed private key, and the JWK from which the key was parsed.
    Rsa(Box<RsaPrivateKey>, Object),
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
        let pair = if algorithm.agrees() { p256(jwk)? } else { rsa(jwk)? };
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
            Pair::Rsa(_, members) => jwk.extend(members.clone()),
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

    /// Decrypts the content of a sealed token. If the content key cannot be decrypted, the function continues with a
    /// random key (RFC 7516 §11.5). All failures then have the same result and need the same time.
    pub(super) fn open(&self, envelope: &Envelope<'_>) -> Option<Vec<u8>> {
        let mut random = Key::default();
        rand::rng().fill_bytes(&mut random);
        let key = self.content_key(envelope).unwrap_or(random);
        decrypt(&key, &envelope.nonce, envelope.header, &envelope.content)
    }

    fn content_key(&self, envelope: &Envelope<'_>) -> Option<Key> {
        let wrapped = &envelope.wrapped_key;
        match &self.pair {
            Pair::P256(secret) => {
                let agreement = envelope.agreement.as_ref()?;
                unwrap(&agree(secret, &agreement.epk, &agreement.apu, &agreement.apv), wrapped)
            }
            Pair::Rsa(key, _) => {
                let mut rng = rand::rng();
                let unwrapped = match self.algorithm {
                    KeyAlgorithm::RsaOaep => key.decrypt_blinded(&mut rng, Oaep::<Sha1>::new(), wrapped),
                    _ => key.decrypt_blinded(&mut rng, Oaep::<Sha256>::new(), wrapped),
                };
                unwrapped.ok()?.try_into().ok()
            }
        }
    }
}

impl Pair {
    /// Returns a JWK that contains only the members of the public key.
    fn public_jwk(&self) -> Object {
        match self {
            Self::P256(secret) => point_jwk(&secret.public_key()),
            Self::Rsa(_, jwk) => of(jwk, &["kty", "n", "e"]),
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

fn rsa(jwk: &Object) -> Result<Pair, KeyError> {
    let part = |name| {
        bytes(jwk, name)
            .ok_or(KeyError::Form("the member `n`, `e`, `d`, `p` or `q` is missing or is not base64url"))
    };
    let (n, e) = rsa_public(&part("n")?, &part("e")?)?;
    if jwk.contains_key("oth") {
        return Err(KeyError::Unfit("the RSA key has more than two primes; use an RSA key with two primes"));
    }
    let number = BoxedUint::from_be_slice_vartime;
    let primes = vec![number(&part("p")?), number(&part("q")?)];
    let key = RsaPrivateKey::from_components(number(&n), number(&e), number(&part("d")?), primes)
        .map_err(|_| KeyError::Form("the members of the JWK are not a valid RSA key"))?;
    Ok(Pair::Rsa(Box::new(key), of(jwk, &RSA_MEMBERS)))
}

/// Returns a copy of a JWK that contains only the named members.
fn of(jwk: &Object, names: &[&str]) -> Object {
    names.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(*name)?.clone()))).collect()
}
