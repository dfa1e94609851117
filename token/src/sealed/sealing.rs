//! This module encrypts a signed token with the recipient's public key.

use p256::SecretKey;
use p256::elliptic_curve::Generate;
use p256::pkcs8::DecodePublicKey;
use pkcs1::der::{Decode, pem};
use rand::Rng;
use rsa::rand_core::OsRng;
use rsa::{BigUint, Oaep, RsaPublicKey};
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;
use spki::SubjectPublicKeyInfoRef;

use super::cipher::{ENCRYPTION, Key, NONCE, TAG, agree, encrypt, wrap};
use super::keys::{KeyAlgorithm, bytes, point, point_jwk};
use crate::jwt::b64;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::{MAX_TOKEN, Object};
use crate::keys::key_error::KeyError;
use crate::keys::verifying::{EC, RSA, kid_of, rsa_public};

/// A public key that encrypts tokens. Only the owner of the private key can decrypt the encrypted tokens.
pub struct SealingKey {
    kid: Option<String>,
    algorithm: KeyAlgorithm,
    public: Public,
}

enum Public {
    P256(p256::PublicKey),
    Rsa(Box<RsaPublicKey>),
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({}, {:?})", self.algorithm.name(), self.kid)
    }
}

impl SealingKey {
    /// Parses the contents of a key file: a public JWK, a JWK Set, or a PEM public key (P-256 or RSA). In a JWK Set,
    /// the first key whose `use` is `enc` is used. An RSA key without `alg` is used with RSA-OAEP.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| KeyError::Form("the key is neither PEM nor JSON"))?;
        let text = text.trim();
        if text.starts_with("-----BEGIN ") {
            return Self::from_pem(text);
        }
        let jwk: Value =
            serde_json::from_str(text).map_err(|_| KeyError::Form("the key is neither PEM nor JSON"))?;
        let jwk = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
        match jwk.get("keys") {
            None => Self::from_jwk(jwk),
            Some(Value::Array(keys)) => {
                let for_sealing = |jwk: &&Object| jwk.get("use").is_some_and(|usage| usage == "enc");
                let key = keys.iter().filter_map(Value::as_object).find(for_sealing);
                Self::from_jwk(key.ok_or(KeyError::Missing("key whose `use` is `enc`"))?)
            }
            Some(_) => Err(KeyError::Form("the member `keys` of the JWK Set is not an array")),
        }
    }

    fn from_jwk(jwk: &Object) -> Result<Self, KeyError> {
        if jwk.contains_key("d") {
            return Err(KeyError::Private);
        }
        if jwk.get("use").is_some_and(|usage| usage != "enc") {
            return Err(KeyError::Unfit("the member `use` of the key must be `enc`"));
        }
        let algorithm = KeyAlgorithm::of(jwk)?;
        let public = if algorithm.agrees() {
            Public::P256(point(jwk).map_err(KeyError::Form)?)
        } else {
            let part = |name| {
                bytes(jwk, name).ok_or(KeyError::Form("the member `n` or `e` is missing or is not base64url"))
            };
            rsa(&part("n")?, &part("e")?)?
        };
        Ok(Self { kid: kid_of(jwk)?, algorithm, public })
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode_vec(text.as_bytes())
            .map_err(|_| KeyError::Form("the text is not exactly one valid PEM block"))?;
        let pkcs1 = match label {
            "RSA PUBLIC KEY" => der,
            "PUBLIC KEY" => {
                let spki = SubjectPublicKeyInfoRef::from_der(&der)
                    .map_err(|_| KeyError::Form("the PEM block contains no valid public key"))?;
                match spki.algorithm.oid {
                    RSA => spki.subject_public_key.raw_bytes().to_vec(),
                    EC => {
                        let public = p256::PublicKey::from_public_key_der(&der)
                            .map_err(|_| KeyError::Unfit("the key is not a P-256 key"))?;
                        let algorithm = KeyAlgorithm::EcdhEsA256Kw;
                        return Ok(Self { kid: None, algorithm, public: Public::P256(public) });
                    }
                    _ => return Err(KeyError::Unfit("the key must be a P-256 key or an RSA key")),
                }
            }
            label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
            _ => return Err(KeyError::Unfit("the PEM label must be PUBLIC KEY or RSA PUBLIC KEY")),
        };
        let key = pkcs1::RsaPublicKey::from_der(&pkcs1)
            .map_err(|_| KeyError::Form("the key is not a public RSA key"))?;
        let public = rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
        Ok(Self { kid: None, algorithm: KeyAlgorithm::RsaOaep, public })
    }

    /// Encrypts a signed JWT. Returns an error if the recipient would refuse the content or the length of the token.
    pub fn seal(&self, jwt: &str) -> Result<String, Refusal> {
        super::content::check_content(jwt)?;
        let mut rng = rand::rng();
        let (mut key, mut nonce) = (Key::default(), [0; NONCE]);
        rng.fill_bytes(&mut key);
        rng.fill_bytes(&mut nonce);

        let mut header = Object::new();
        let names = [("alg", self.algorithm.name()), ("enc", ENCRYPTION), ("cty", "JWT")];
        for (name, value) in names.into_iter().chain(self.kid.as_deref().map(|kid| ("kid", kid))) {
            header.insert(name.into(), value.into());
        }
        let wrapped = match &self.public {
            Public::P256(public) => {
                let ephemeral = SecretKey::generate_from_rng(&mut rng);
                header.insert("epk".into(), point_jwk(&ephemeral.public_key()).into());
                wrap(&agree(&ephemeral, public, b"", b""), &key)
            }
            Public::Rsa(public) => match self.algorithm {
                KeyAlgorithm::RsaOaep => public.encrypt(&mut OsRng, Oaep::new::<Sha1>(), &key).ok(),
                _ => public.encrypt(&mut OsRng, Oaep::new::<Sha256>(), &key).ok(),
            },
        };
        let wrapped = wrapped.ok_or(Refusal::Malformed("sealing failed"))?;
        let header = b64::encode(Value::Object(header).to_string().as_bytes());
        let sealed = encrypt(&key, &nonce, &header, jwt.as_bytes());
        let sealed = sealed.ok_or(Refusal::Malformed("sealing failed"))?;
        let (content, tag) = sealed.split_at_checked(sealed.len().saturating_sub(TAG)).unwrap_or_default();
        let parts = [&wrapped, &nonce[..], content, tag].map(b64::encode);
        let token = format!("{header}.{}", parts.join("."));
        if token.len() > MAX_TOKEN {
            return Err(Refusal::Malformed("the encrypted token is longer than 8 KiB"));
        }
        Ok(token)
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Result<Public, KeyError> {
    let (n, e) = rsa_public(n, e)?;
    let number = BigUint::from_bytes_be;
    let key = RsaPublicKey::new(number(&n), number(&e));
    Ok(Public::Rsa(Box::new(key.map_err(|_| KeyError::Form("the modulus of the RSA key is invalid"))?)))
}
