//! Keys that sign any input without checking the input.

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use ed25519_compact::{KeyPair, Seed};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::EncodePublicKey;
use rsa::sha2::{Digest, Sha256};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};

use super::parts::{decode, encode};

/// Two RSA keys that all tests of a test binary share: one for the owner and one for the attacker. The keys are shared
/// because generating an RSA key takes a second.
static RSA: LazyLock<[RsaPrivateKey; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("an RSA key"))
});

/// The bytes of a SubjectPublicKeyInfo that precede the 32 bytes of an Ed25519 public key (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// A private key or a shared secret, together with its signature algorithm.
#[derive(Clone)]
pub enum Signer {
    /// The algorithm EdDSA with an Ed25519 key.
    EdDsa(KeyPair),
    /// The algorithm HMAC with SHA-256.
    Hs256(Vec<u8>),
    /// The algorithm RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256(&'static RsaPrivateKey),
    /// The algorithm ECDSA with P-256 and SHA-256.
    Es256(SigningKey),
}

pub fn random() -> [u8; 32] {
    *Seed::generate()
}

impl Signer {
    /// Generates a new Ed25519 key.
    pub fn eddsa() -> Self {
        Self::EdDsa(KeyPair::from_seed(Seed::generate()))
    }

    /// Reads an Ed25519 key from its private JWK (RFC 8037).
    pub fn of_private_jwk(jwk: &Value) -> Self {
        let secret = decode(jwk["d"].as_str().expect("a private key"));
        if jwk["crv"] == "P-256" {
            return Self::Es256(SigningKey::from_slice(&secret).expect("a number below the curve's order"));
        }
        Self::EdDsa(KeyPair::from_seed(Seed::from_slice(&secret).expect("32 bytes")))
    }

    /// Generates a new shared secret. The secret is printable ASCII, so that it can be written to a configuration file.
    pub fn hs256() -> Self {
        Self::Hs256(encode(random()).into_bytes())
    }

    /// Returns the first of the two shared RSA keys.
    pub fn rs256() -> Self {
        Self::Rs256(&RSA[0])
    }

    /// Generates a new P-256 key.
    pub fn es256() -> Self {
        Self::Es256(SigningKey::from_slice(&random()).expect("a number below the curve's order"))
    }

    /// Returns a different key of the same type, which represents an attacker's key.
    pub fn stranger(&self) -> Self {
        match self {
            Self::EdDsa(_) => Self::eddsa(),
            Self::Hs256(_) => Self::hs256(),
            Self::Rs256(_) => Self::Rs256(&RSA[1]),
            Self::Es256(_) => Self::es256(),
        }
    }

    pub fn alg(&self) -> &'static str {
        match self {
            Self::EdDsa(_) => "EdDSA",
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
        }
    }

    pub fn sign(&self, signed: &str) -> Vec<u8> {
        match self {
            Self::EdDsa(pair) => pair.sk.sign(signed, None).to_vec(),
            Self::Hs256(secret) => hmac_sha256::HMAC::mac(signed, secret).to_vec(),
            Self::Rs256(key) => {
                let digest = Sha256::digest(signed.as_bytes());
                key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).expect("a signature")
            }
            Self::Es256(key) => {
                let signature: Signature = key.sign(signed.as_bytes());
                signature.to_bytes().to_vec()
            }
        }
    }

    /// Returns the public key as SubjectPublicKeyInfo in DER format. Returns `None` for a shared secret.
    pub fn public_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::EdDsa(pair) => Some([&ED25519_SPKI[..], &pair.pk[..]].concat()),
            Self::Hs256(_) => None,
            Self::Rs256(key) => Some(key.to_public_key().to_public_key_der().expect("DER").into_vec()),
            Self::Es256(key) => {
                use p256::pkcs8::EncodePublicKey as _;
                Some(key.verifying_key().to_public_key_der().expect("DER").into_vec())
            }
        }
    }

    /// Returns the public key in PEM format, as `openssl` writes it. Returns `None` for a shared secret.
    pub fn public_pem(&self) -> Option<String> {
        let der = self.public_der()?;
        let text = Base64::encode_string(&der);
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
        Some(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// Returns the public key as a JWK without `kid`. Returns `None` for a shared secret.
    pub fn public_jwk(&self) -> Option<Value> {
        match self {
            Self::EdDsa(pair) => Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&pair.pk[..]) })),
            Self::Hs256(_) => None,
            Self::Rs256(key) => {
                let (n, e) = (encode(key.n().to_bytes_be()), encode(key.e().to_bytes_be()));
                Some(json!({ "kty": "RSA", "n": n, "e": e }))
            }
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_bytes();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..65]));
                Some(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }))
            }
        }
    }

    /// Returns the public key in raw encodings. The raw encodings are the modulus and PKCS#1 for RSA, the point and its
    /// coordinates for P-256, and the 32 bytes of the key for Ed25519. Returns an empty list for a shared secret.
    pub fn public_raw(&self) -> Vec<Vec<u8>> {
        match self {
            Self::EdDsa(pair) => vec![pair.pk.to_vec()],
            Self::Hs256(_) => vec![],
            Self::Rs256(key) => {
                let pkcs1 = key.to_public_key().to_pkcs1_der().expect("DER").into_vec();
                vec![key.n().to_bytes_be(), pkcs1]
            }
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_bytes();
                vec![point.to_vec(), point[1..].to_vec(), point[1..33].to_vec()]
            }
        }
    }
}
