//! This module signs tokens with a key that the owner of a script has. A script that signs its own tokens needs no
//! login.

use jwt_simple::prelude::*;
use serde_json::{Map, Value};

use crate::jwt::b64;
use crate::jwt::claims::bare_claims;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Object;
use crate::keys::alg::{Algorithm, Family};
use crate::keys::key_error::KeyError;
use crate::keys::secret;
use crate::keys::verifying::bare;
use crate::keys::without_line_end;

/// A private key or a shared secret that signs tokens with one algorithm.
pub struct MintingKey {
    pair: Pair,
    algorithm: Algorithm,
    kid: Option<String>,
}

enum Pair {
    Hs256(HS256Key),
    Hs384(HS384Key),
    Hs512(HS512Key),
    Rs256(RS256KeyPair),
    Rs384(RS384KeyPair),
    Rs512(RS512KeyPair),
    Ps256(PS256KeyPair),
    Ps384(PS384KeyPair),
    Ps512(PS512KeyPair),
    Es256(ES256KeyPair),
    Es384(ES384KeyPair),
    EdDsa(Ed25519KeyPair),
}

impl std::fmt::Debug for MintingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MintingKey({})", self.algorithm)
    }
}

impl MintingKey {
    /// Parses the contents of a key file. The file contains a private key in PEM (PKCS#8, or PKCS#1 for RSA) or a
    /// private JWK. Any other contents are the bytes of a shared secret. A line end at the end of the file does not
    /// belong to the secret. `algorithm` selects one of the algorithms that the key supports. By default an RSA key
    /// signs with RS256, and a secret signs with HS256.
    pub fn read(bytes: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
        if text.starts_with("-----BEGIN ") {
            Self::from_pem(text, algorithm)
        } else if text.starts_with('{') {
            Self::from_jwk(text, algorithm)
        } else {
            Self::from_secret(without_line_end(bytes), algorithm.unwrap_or(Algorithm::Hs256), None)
        }
    }

    fn from_secret(bytes: &[u8], algorithm: Algorithm, kid: Option<String>) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Hs256 => Pair::Hs256(HS256Key::from_bytes(bytes)),
            Algorithm::Hs384 => Pair::Hs384(HS384Key::from_bytes(bytes)),
            Algorithm::Hs512 => Pair::Hs512(HS512Key::from_bytes(bytes)),
            _ => return Err(KeyError::Unfit("a shared secret can sign only with HS256, HS384 or HS512")),
        };
        secret::check(bytes, algorithm)?;
        Ok(Self { pair, algorithm, kid })
    }

    fn from_pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        if text.contains("PUBLIC KEY-----") {
            return Err(KeyError::Unfit("the key is a public key; use the private key to sign"));
        }
        if text.contains("ENCRYPTED") {
            return Err(KeyError::Unfit("the private key is encrypted; decrypt the key with `openssl pkey`"));
        }
        let family = if Ed25519KeyPair::from_pem(text).is_ok() {
            Family::Ed25519
        } else if ES256KeyPair::from_pem(text).is_ok() {
            Family::P256
        } else if ES384KeyPair::from_pem(text).is_ok() {
            Family::P384
        } else {
            Family::Rsa
        };
        let algorithm = fitting(family, algorithm)?;
        let broken = |_| {
            KeyError::Form(
                "the key must be a private P-256, P-384, Ed25519 or RSA key (2048 to 4096 bits, e = 65537)",
            )
        };
        let pair = match algorithm {
            Algorithm::Rs256 => Pair::Rs256(RS256KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Rs384 => Pair::Rs384(RS384KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Rs512 => Pair::Rs512(RS512KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Ps256 => Pair::Ps256(PS256KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Ps384 => Pair::Ps384(PS384KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Ps512 => Pair::Ps512(PS512KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Es256 => Pair::Es256(ES256KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Es384 => Pair::Es384(ES384KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pem(text).map_err(broken)?),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                return Err(KeyError::Unfit("the selected algorithm needs another type of key"));
            }
        };
        Ok(Self { pair, algorithm, kid: None })
    }

    fn from_jwk(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        let jwk: Value = serde_json::from_str(text)
            .map_err(|_| KeyError::Form("the text starts with `{` but is not valid JSON"))?;
        let members = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
        let kid = members.get("kid").and_then(Value::as_str).map(str::to_owned);
        let named = match members.get("alg") {
            None => None,
            Some(name) => Some(
                name.as_str()
                    .and_then(Algorithm::by_name)
                    .ok_or(KeyError::Unfit("the `alg` of the key is not a supported signature algorithm"))?,
            ),
        };
        let family =
            match (members.get("kty").and_then(Value::as_str), members.get("crv").and_then(Value::as_str)) {
                (Some("oct"), _) => Family::Secret,
                (Some("RSA"), _) => Family::Rsa,
                (Some("EC"), Some("P-256")) => Family::P256,
                (Some("EC"), Some("P-384")) => Family::P384,
                (Some("OKP"), Some("Ed25519")) => Family::Ed25519,
                _ => {
                    return Err(KeyError::Unfit(
                        "the key must be a shared secret (oct) or an RSA, P-256, P-384 or Ed25519 key",
                    ));
                }
            };
        let algorithm = fitting(family, algorithm.or(named))?;
        if family == Family::Secret {
            let secret = members.get("k").and_then(Value::as_str).and_then(b64::decode);
            return Self::from_secret(
                &secret.ok_or(KeyError::Form("the member `k` is missing or is not base64url"))?,
                algorithm,
                kid,
            );
        }
        if !members.contains_key("d") {
            return Err(KeyError::Unfit("the key is a public key; use the private key to sign"));
        }
        let jwk = bare(members, &["kty", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi"]);
        let broken = |_| KeyError::Form("the members of the JWK are not a valid private key");
        let pair = match algorithm {
            Algorithm::Rs256 => Pair::Rs256(RS256KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Rs384 => Pair::Rs384(RS384KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Rs512 => Pair::Rs512(RS512KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Ps256 => Pair::Ps256(PS256KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Ps384 => Pair::Ps384(PS384KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Ps512 => Pair::Ps512(PS512KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Es256 => Pair::Es256(ES256KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Es384 => Pair::Es384(ES384KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_jwk(&jwk).map_err(broken)?),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                return Err(KeyError::Unfit("the selected algorithm needs another type of key"));
            }
        };
        Ok(Self { pair, algorithm, kid })
    }

    /// Returns the algorithm with which the key signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the `kid` in the key file. Returns `None` if the key file contains no `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Signs the claims without changing the claims. The token's header contains the argument `kid`. If the argument is
    /// `None`, the header contains the `kid` from the key file.
    pub fn sign(self, typ: &str, kid: Option<&str>, claims: Map<String, Value>) -> Result<String, Refusal> {
        let header = HeaderOptions { signature_type: Some(typ.to_owned()), ..HeaderOptions::default() };
        let kid = kid.or(self.kid.as_deref());
        let claims = bare_claims(Object::from_iter(claims));
        macro_rules! sign {
            ($key:expr, $sign:ident) => {
                match kid {
                    Some(kid) => $key.with_key_id(kid).$sign(claims, &header),
                    None => $key.$sign(claims, &header),
                }
            };
        }
        let token = match self.pair {
            Pair::Hs256(key) => sign!(key, authenticate_with_options),
            Pair::Hs384(key) => sign!(key, authenticate_with_options),
            Pair::Hs512(key) => sign!(key, authenticate_with_options),
            Pair::Rs256(key) => sign!(key, sign_with_options),
            Pair::Rs384(key) => sign!(key, sign_with_options),
            Pair::Rs512(key) => sign!(key, sign_with_options),
            Pair::Ps256(key) => sign!(key, sign_with_options),
            Pair::Ps384(key) => sign!(key, sign_with_options),
            Pair::Ps512(key) => sign!(key, sign_with_options),
            Pair::Es256(key) => sign!(key, sign_with_options),
            Pair::Es384(key) => sign!(key, sign_with_options),
            Pair::EdDsa(key) => sign!(key, sign_with_options),
        };
        token.map_err(|_| Refusal::Malformed("signing failed"))
    }
}

fn fitting(family: Family, algorithm: Option<Algorithm>) -> Result<Algorithm, KeyError> {
    let algorithm = algorithm.unwrap_or_else(|| family.usual());
    if algorithm.family() == family {
        Ok(algorithm)
    } else {
        Err(KeyError::Unfit("the selected algorithm needs another type of key"))
    }
}
