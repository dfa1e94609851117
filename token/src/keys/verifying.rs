//! This module defines the keys that verify tokens. The keys are public keys and shared secrets of external signers,
//! parsed from a JWK, a PEM file or bytes.
//!
//! A key determines its algorithms before any token is parsed (RFC 8725 §3.1). The crate jwt-simple has a separate key
//! type for each algorithm, so a key cannot be used with another algorithm.

use jwt_simple::prelude::*;
use pkcs1::RsaPublicKey;
use pkcs1::der::asn1::{AnyRef, ObjectIdentifier};
use pkcs1::der::{Decode, pem};
use serde_json::{Map, Value, json};
use spki::SubjectPublicKeyInfoRef;

use crate::jwt::b64;
use crate::jwt::claims::SignatureOnly;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Unverified;
use crate::keys::alg::{Algorithm, Family};
use crate::keys::key_error::{KeyError, RSA_BITS};
use crate::keys::secret;

pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A key that verifies tokens with one or more algorithms.
#[derive(Debug, Clone)]
pub(crate) struct VerifyingKey {
    pub kid: Option<String>,
    /// The public key as a JWK. `None` for a shared secret, which must not be shown.
    pub jwk: Option<Value>,
    /// A digest of the key material. Two keys with the same material have the same fingerprint, even if their `kid` is
    /// different.
    pub fingerprint: [u8; 32],
    forms: Vec<Form>,
}

/// A key in jwt-simple's type for one algorithm.
#[derive(Clone)]
enum Form {
    Hs256(HS256Key),
    Hs384(HS384Key),
    Hs512(HS512Key),
    Rs256(RS256PublicKey),
    Rs384(RS384PublicKey),
    Rs512(RS512PublicKey),
    Ps256(PS256PublicKey),
    Ps384(PS384PublicKey),
    Ps512(PS512PublicKey),
    Es256(ES256PublicKey),
    Es384(ES384PublicKey),
    EdDsa(Ed25519PublicKey),
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.algorithm().name())
    }
}

/// Key material from which the keys for the single algorithms are created.
enum Material<'a> {
    Secret(&'a [u8]),
    Rsa { n: &'a [u8], e: &'a [u8] },
    P256(ES256PublicKey),
    P384(ES384PublicKey),
    Ed25519(Ed25519PublicKey),
}

impl VerifyingKey {
    /// Parses a JWK (RFC 7517). A key without `alg` gets the algorithms in `usual`.
    pub fn from_jwk(jwk: &Value, usual: &[Algorithm]) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
        let kid = kid_of(members)?;
        check_use(members)?;
        let named = match members.get("alg") {
            None => None,
            Some(Value::String(name)) => Some(
                Algorithm::by_name(name)
                    .ok_or(KeyError::Unfit("the `alg` of the key is not a supported signature algorithm"))?,
            ),
            Some(_) => return Err(KeyError::Form("the `alg` of the key is not a string")),
        };
        let kty = members
            .get("kty")
            .and_then(Value::as_str)
            .ok_or(KeyError::Form("the member `kty` of the JWK is missing or is not a string"))?;
        let part = |name: &str| members.get(name).and_then(Value::as_str).and_then(b64::decode);
        let algorithms = named.as_slice();
        let algorithms = if algorithms.is_empty() { usual } else { algorithms };
        if kty != "oct" && members.contains_key("d") {
            return Err(KeyError::Private);
        }
        let mut key = match kty {
            "oct" => {
                let secret =
                    part("k").ok_or(KeyError::Form("the member `k` is missing or is not base64url"))?;
                Self::of(&Material::Secret(&secret), algorithms)?
            }
            "RSA" => {
                let n = part("n").ok_or(KeyError::Form("the member `n` is missing or is not base64url"))?;
                let e = part("e").ok_or(KeyError::Form("the member `e` is missing or is not base64url"))?;
                Self::of(&Material::Rsa { n: &n, e: &e }, algorithms)?
            }
            "EC" => Self::of(&curve(members)?, algorithms)?,
            "OKP" => Self::of(&edwards(members)?, algorithms)?,
            _ => return Err(KeyError::Unfit("the `kty` of the key must be oct, RSA, EC or OKP")),
        };
        // If the JWK has an `alg`, the key must support this algorithm.
        if named.is_some_and(|named| key.algorithms().all(|own| own != named)) {
            return Err(KeyError::Unfit("the `alg` of the key does not fit the key's `kty` or `crv`"));
        }
        key.kid = kid;
        Ok(key)
    }

    /// Parses a public key in PEM. The PEM block contains a SubjectPublicKeyInfo (RFC 7468 §13) or a PKCS#1 key.
    pub fn from_pem(text: &str, usual: &[Algorithm]) -> Result<Self, KeyError> {
        let text = text.trim();
        let (label, der) = pem::decode_vec(text.as_bytes())
            .map_err(|_| KeyError::Form("the text is not exactly one valid PEM block"))?;
        match label {
            "PUBLIC KEY" => Self::from_spki(&der, usual),
            "RSA PUBLIC KEY" => Self::from_pkcs1(&der, usual),
            "CERTIFICATE" => Err(KeyError::Unfit(
                "the text is a certificate; extract the public key with `openssl x509 -pubkey -noout`",
            )),
            label if label.ends_with("PRIVATE KEY") => Err(KeyError::Private),
            _ => Err(KeyError::Unfit("the PEM label must be PUBLIC KEY or RSA PUBLIC KEY")),
        }
    }

    /// Creates a key that uses the bytes as a shared secret.
    pub fn from_secret(secret: &[u8], usual: &[Algorithm]) -> Result<Self, KeyError> {
        Self::of(&Material::Secret(secret), usual)
    }

    /// Creates a key from one of Pinlatch's own public keys.
    pub fn own(kid: &str, key: Ed25519PublicKey) -> Self {
        let jwk = jwk_of(&Form::EdDsa(key.clone()), Some(kid));
        Self {
            kid: Some(kid.to_owned()),
            jwk,
            fingerprint: fingerprint("Ed25519", &[&key.to_bytes()]),
            forms: vec![Form::EdDsa(key)],
        }
    }

    fn from_spki(der: &[u8], usual: &[Algorithm]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der)
            .map_err(|_| KeyError::Form("the PEM block contains no valid public key"))?;
        let curve =
            spki.algorithm.parameters.and_then(|any: AnyRef<'_>| any.decode_as::<ObjectIdentifier>().ok());
        let broken = |_| KeyError::Form("the public key is not a point on the curve");
        match (spki.algorithm.oid, curve) {
            (RSA, _) => Self::from_pkcs1(spki.subject_public_key.raw_bytes(), usual),
            (EC, Some(P256)) => {
                Self::of(&Material::P256(ES256PublicKey::from_der(der).map_err(broken)?), usual)
            }
            (EC, Some(P384)) => {
                Self::of(&Material::P384(ES384PublicKey::from_der(der).map_err(broken)?), usual)
            }
            (ED25519, _) => {
                let key =
                    Ed25519PublicKey::from_bytes(spki.subject_public_key.raw_bytes()).map_err(broken)?;
                Self::of(&Material::Ed25519(key), usual)
            }
            _ => Err(KeyError::Unfit("the key must be an RSA, P-256, P-384 or Ed25519 key")),
        }
    }

    fn from_pkcs1(der: &[u8], usual: &[Algorithm]) -> Result<Self, KeyError> {
        let key =
            RsaPublicKey::from_der(der).map_err(|_| KeyError::Form("the key is not a public RSA key"))?;
        Self::of(&Material::Rsa { n: key.modulus.as_bytes(), e: key.public_exponent.as_bytes() }, usual)
    }

    /// Creates a key for those `algorithms` that fit the key material. If `algorithms` is empty, the key gets the
    /// default algorithm for the key material.
    fn of(material: &Material<'_>, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let family = material.family();
        let usual = [family.usual()];
        let algorithms = if algorithms.is_empty() { &usual } else { algorithms };
        let mut wanted: Vec<Algorithm> =
            algorithms.iter().copied().filter(|algorithm| algorithm.family() == family).collect();
        wanted.dedup();
        if wanted.is_empty() {
            return Err(KeyError::Unfit("the key cannot be used with any of the allowed algorithms"));
        }
        let forms = wanted.into_iter().map(|algorithm| material.form(algorithm));
        let forms: Vec<Form> = forms.collect::<Result<_, _>>()?;
        let jwk = forms.first().and_then(|form| jwk_of(form, None));
        Ok(Self { kid: None, jwk, fingerprint: material.fingerprint(), forms })
    }

    /// Returns the algorithms of the key.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.forms.iter().map(Form::algorithm)
    }

    /// Returns whether the key is a shared secret.
    pub fn is_secret(&self) -> bool {
        self.algorithms().any(Algorithm::is_symmetric)
    }

    /// Verifies the signature of a token. The caller must already have checked the token's form and `alg`.
    pub fn verify(&self, token: &str, parsed: &Unverified, algorithm: Algorithm) -> Result<(), Refusal> {
        let form = self.forms.iter().find(|form| form.algorithm() == algorithm);
        form.ok_or(Refusal::BadSignature)?.verify(token, parsed)
    }
}

/// Returns the `kid` of a JWK. Returns `None` if the JWK has no `kid`.
pub(crate) fn kid_of(members: &Map<String, Value>) -> Result<Option<String>, KeyError> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= 256 => Ok(Some(kid.clone())),
        Some(_) => Err(KeyError::Form("the `kid` must be a string of 1 to 256 bytes")),
    }
}

fn check_use(members: &Map<String, Value>) -> Result<(), KeyError> {
    if members.get("use").is_some_and(|usage| usage != "sig") {
        return Err(KeyError::Unfit("the member `use` of the key must be `sig`"));
    }
    let verifies = |operations: &Value| {
        operations.as_array().is_some_and(|operations| operations.iter().any(|one| one == "verify"))
    };
    if members.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err(KeyError::Unfit("the `key_ops` of the key must contain `verify`"));
    }
    Ok(())
}

/// Returns a JWK with only the members of the key material, so that jwt-simple does not check other members.
pub(crate) fn bare(members: &Map<String, Value>, names: &[&str]) -> String {
    let bare: Map<String, Value> =
        names.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone()))).collect();
    Value::Object(bare).to_string()
}

fn curve<'a>(members: &Map<String, Value>) -> Result<Material<'a>, KeyError> {
    let jwk = bare(members, &["kty", "crv", "x", "y"]);
    let broken =
        |_| KeyError::Form("the members `x` and `y` are not the coordinates of a point on the curve");
    match members.get("crv").and_then(Value::as_str) {
        Some("P-256") => Ok(Material::P256(ES256PublicKey::from_jwk(&jwk).map_err(broken)?)),
        Some("P-384") => Ok(Material::P384(ES384PublicKey::from_jwk(&jwk).map_err(broken)?)),
        _ => Err(KeyError::Unfit("the `crv` of the key must be P-256 or P-384")),
    }
}

fn edwards<'a>(members: &Map<String, Value>) -> Result<Material<'a>, KeyError> {
    if members.get("crv").is_none_or(|crv| crv != "Ed25519") {
        return Err(KeyError::Unfit("the `crv` of the key must be Ed25519"));
    }
    let jwk = bare(members, &["kty", "crv", "x"]);
    let key = Ed25519PublicKey::from_jwk(&jwk)
        .map_err(|_| KeyError::Form("the member `x` is not a valid Ed25519 public key"))?;
    Ok(Material::Ed25519(key))
}

fn fingerprint(sort: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    for part in std::iter::once(&sort.as_bytes()).chain(parts) {
        hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    *hash.finalize().as_bytes()
}

impl Material<'_> {
    fn family(&self) -> Family {
        match self {
            Self::Secret(_) => Family::Secret,
            Self::Rsa { .. } => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }

    fn fingerprint(&self) -> [u8; 32] {
        match self {
            Self::Secret(secret) => fingerprint("secret", &[secret]),
            Self::Rsa { n, e } => fingerprint("RSA", &[n, e]),
            Self::P256(key) => fingerprint("P-256", &[&key.public_key().to_bytes_uncompressed()]),
            Self::P384(key) => fingerprint("P-384", &[&key.public_key().to_bytes_uncompressed()]),
            Self::Ed25519(key) => fingerprint("Ed25519", &[&key.to_bytes()]),
        }
    }

    fn form(&self, algorithm: Algorithm) -> Result<Form, KeyError> {
        let unfit = || KeyError::Unfit("the selected algorithm needs another type of key");
        Ok(match (self, algorithm) {
            (Self::Secret(secret), _) => {
                secret::check(secret, algorithm)?;
                match algorithm {
                    Algorithm::Hs256 => Form::Hs256(HS256Key::from_bytes(secret)),
                    Algorithm::Hs384 => Form::Hs384(HS384Key::from_bytes(secret)),
                    Algorithm::Hs512 => Form::Hs512(HS512Key::from_bytes(secret)),
                    _ => return Err(unfit()),
                }
            }
            (Self::Rsa { n, e }, _) => rsa(n, e, algorithm)?,
            (Self::P256(key), Algorithm::Es256) => Form::Es256(key.clone()),
            (Self::P384(key), Algorithm::Es384) => Form::Es384(key.clone()),
            (Self::Ed25519(key), Algorithm::EdDsa) => Form::EdDsa(key.clone()),
            _ => return Err(unfit()),
        })
    }
}

/// Checks that the RSA modulus has an accepted size and that the exponent is 65537. Returns the modulus and the
/// exponent without leading zeros.
pub(crate) fn rsa_public(n: &[u8], e: &[u8]) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    let trimmed = |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().skip_while(|byte| *byte == 0).collect() };
    let (n, e) = (trimmed(n), trimmed(e));
    let leading = n.first().map_or(8, |byte| byte.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(leading);
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::RsaSize(bits));
    }
    if e != [1, 0, 1] {
        return Err(KeyError::RsaExponent);
    }
    Ok((n, e))
}

fn rsa(n: &[u8], e: &[u8], algorithm: Algorithm) -> Result<Form, KeyError> {
    let (n, e) = rsa_public(n, e)?;
    let broken = |_| KeyError::Form("the modulus of the RSA key is invalid");
    Ok(match algorithm {
        Algorithm::Rs256 => Form::Rs256(RS256PublicKey::from_components(&n, &e).map_err(broken)?),
        Algorithm::Rs384 => Form::Rs384(RS384PublicKey::from_components(&n, &e).map_err(broken)?),
        Algorithm::Rs512 => Form::Rs512(RS512PublicKey::from_components(&n, &e).map_err(broken)?),
        Algorithm::Ps256 => Form::Ps256(PS256PublicKey::from_components(&n, &e).map_err(broken)?),
        Algorithm::Ps384 => Form::Ps384(PS384PublicKey::from_components(&n, &e).map_err(broken)?),
        Algorithm::Ps512 => Form::Ps512(PS512PublicKey::from_components(&n, &e).map_err(broken)?),
        _ => return Err(KeyError::Unfit("the selected algorithm needs another type of key")),
    })
}

fn jwk_of(form: &Form, kid: Option<&str>) -> Option<Value> {
    let text = match form {
        Form::Hs256(_) | Form::Hs384(_) | Form::Hs512(_) => return None,
        Form::Rs256(key) => key.to_jwk(),
        Form::Rs384(key) => key.to_jwk(),
        Form::Rs512(key) => key.to_jwk(),
        Form::Ps256(key) => key.to_jwk(),
        Form::Ps384(key) => key.to_jwk(),
        Form::Ps512(key) => key.to_jwk(),
        Form::Es256(key) => key.to_jwk(),
        Form::Es384(key) => key.to_jwk(),
        Form::EdDsa(key) => {
            let x = b64::encode(&key.to_bytes());
            json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "use": "sig" }).to_string()
        }
    };
    let mut jwk: Value = serde_json::from_str(&text).ok()?;
    if let (Some(kid), Some(members)) = (kid, jwk.as_object_mut()) {
        members.insert("kid".into(), kid.into());
    }
    Some(jwk)
}

impl Form {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Hs384(_) => Algorithm::Hs384,
            Self::Hs512(_) => Algorithm::Hs512,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Rs384(_) => Algorithm::Rs384,
            Self::Rs512(_) => Algorithm::Rs512,
            Self::Ps256(_) => Algorithm::Ps256,
            Self::Ps384(_) => Algorithm::Ps384,
            Self::Ps512(_) => Algorithm::Ps512,
            Self::Es256(_) => Algorithm::Es256,
            Self::Es384(_) => Algorithm::Es384,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    fn verify(&self, token: &str, parsed: &Unverified) -> Result<(), Refusal> {
        let options = Some(lenient());
        let outcome = match self {
            // Only the authentication tag is compared, because the policy has already done all other checks.
            Self::Hs256(key) => return same_tag(&key.authentication_tag(signed(token)), parsed),
            Self::Hs384(key) => return same_tag(&key.authentication_tag(signed(token)), parsed),
            Self::Hs512(key) => return same_tag(&key.authentication_tag(signed(token)), parsed),
            Self::Rs256(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Rs384(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Rs512(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Ps256(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Ps384(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Ps512(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Es256(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::Es384(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
            Self::EdDsa(key) => key.verify_token::<SignatureOnly>(token, options).map(drop),
        };
        outcome.map_err(|error| match error.downcast_ref::<serde_json::Error>() {
            // After verifying the signature, jwt-simple parses the registered claims again with its own types.
            Some(_) => {
                Refusal::Json("the payload", "a registered claim, such as `nonce`, has a wrong type".into())
            }
            None => Refusal::BadSignature,
        })
    }
}

/// Returns the signed part of a token, which is everything before the second dot (RFC 7515 §5.2).
fn signed(token: &str) -> &[u8] {
    token.rsplit_once('.').map_or("", |(signed, _)| signed).as_bytes()
}

fn same_tag(tag: &[u8], parsed: &Unverified) -> Result<(), Refusal> {
    use subtle::ConstantTimeEq;
    if bool::from(tag.ct_eq(&parsed.signature)) { Ok(()) } else { Err(Refusal::BadSignature) }
}

/// Returns options with which jwt-simple checks only `alg` and the signature. The policy checks the claims more
/// strictly than jwt-simple.
pub(crate) fn lenient() -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        time_tolerance: None,
        artificial_time: Some(coarsetime::Duration::from_secs(0)),
        max_token_length: Some(crate::jwt::strict::MAX_TOKEN),
        ..VerificationOptions::default()
    }
}
