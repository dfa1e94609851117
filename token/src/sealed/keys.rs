//! This module contains functions for the keys of sealed tokens. The functions select algorithms and convert keys from
//! and to JWKs.

use p256::PublicKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use serde_json::Value;

use crate::jwt::b64;
use crate::jwt::strict::Object;
use crate::keys::key_error::KeyError;

/// The algorithm that encrypts the content key for the recipient of a sealed token (RFC 7518 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAlgorithm {
    /// A key agreement on the curve P-256. The agreed key encrypts the content key.
    EcdhEsA256Kw,
    /// The algorithm RSAES-OAEP with SHA-1.
    RsaOaep,
    /// The algorithm RSAES-OAEP with SHA-256.
    RsaOaep256,
}

impl KeyAlgorithm {
    pub const ALL: [Self; 3] = [Self::EcdhEsA256Kw, Self::RsaOaep, Self::RsaOaep256];

    /// Returns the value of `alg` for this algorithm.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }

    /// Returns whether the algorithm uses a key agreement. A key agreement needs an ephemeral key in the header.
    pub fn agrees(self) -> bool {
        self == Self::EcdhEsA256Kw
    }

    /// Returns the hash of RSA-OAEP by its name in WebCrypto. Returns `None` for a key agreement.
    pub fn rsa_hash(self) -> Option<&'static str> {
        match self {
            Self::EcdhEsA256Kw => None,
            Self::RsaOaep => Some("SHA-1"),
            Self::RsaOaep256 => Some("SHA-256"),
        }
    }

    /// Returns the algorithm of a JWK for sealed tokens. If the JWK has no `alg`, the `kty` determines the algorithm.
    pub fn of(jwk: &Object) -> Result<Self, KeyError> {
        let usual = match jwk.get("kty").and_then(Value::as_str) {
            Some("EC") => Self::EcdhEsA256Kw,
            Some("RSA") => Self::RsaOaep,
            _ => return Err(KeyError::Unfit("the `kty` of the key must be EC or RSA")),
        };
        let Some(named) = jwk.get("alg") else { return Ok(usual) };
        let named = named.as_str().and_then(Self::by_name);
        match named.filter(|named| named.agrees() == usual.agrees()) {
            Some(named) => Ok(named),
            None => Err(KeyError::Unfit(
                "the `alg` of a P-256 key must be ECDH-ES+A256KW; an RSA key needs RSA-OAEP or RSA-OAEP-256",
            )),
        }
    }
}

/// Parses a P-256 public key from a JWK.
pub(super) fn point(jwk: &Object) -> Result<PublicKey, &'static str> {
    if jwk.get("kty").is_none_or(|kty| kty != "EC") || jwk.get("crv").is_none_or(|crv| crv != "P-256") {
        return Err("the key is not a P-256 key");
    }
    let coordinate = |name| bytes(jwk, name).filter(|bytes| bytes.len() == 32);
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else {
        return Err("the members `x` and `y` must be 256 bits in base64url");
    };
    let uncompressed = [&[4][..], &x, &y].concat();
    PublicKey::from_sec1_bytes(&uncompressed)
        .map_err(|_| "the members `x` and `y` are not the coordinates of a point on the curve P-256")
}

/// Returns a P-256 public key as a JWK. The JWK contains only the members from which a thumbprint is computed.
pub(super) fn point_jwk(key: &PublicKey) -> Object {
    let point = key.to_sec1_point(false);
    let coordinate = |bytes: Option<&p256::FieldBytes>| bytes.map(|bytes| b64::encode(bytes)).into();
    let members = [
        ("kty", "EC".into()),
        ("crv", "P-256".into()),
        ("x", coordinate(point.x())),
        ("y", coordinate(point.y())),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Decodes the base64url text of a JWK member.
pub(super) fn bytes(jwk: &Object, name: &str) -> Option<Vec<u8>> {
    jwk.get(name).and_then(Value::as_str).and_then(b64::decode)
}

/// Returns the RFC 7638 thumbprint of a key, which is a digest of the key's required members in sorted order.
pub(super) fn thumbprint(public: &Object) -> String {
    let members: &[&str] =
        if public.contains_key("n") { &["e", "kty", "n"] } else { &["crv", "kty", "x", "y"] };
    let text = members.iter().map(|name| format!("{name:?}:{}", public.get(*name).unwrap_or(&Value::Null)));
    b64::encode(&hmac_sha256::Hash::hash(format!("{{{}}}", text.collect::<Vec<_>>().join(",")).as_bytes()))
}
