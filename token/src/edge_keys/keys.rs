//! This module handles the edge's secret keys, which are stored as a private JWK Set in `EDGE_KEYS`. The first signing
//! key in the set signs new tokens.
//!
//! In addition to the members of RFC 7517, a key has dates for rotation. `iat` is the time when the key was created.
//! `nbf` is the time when the key started to sign. For a retired key, the set contains only the public half of the key.
//! Device certificates that a retired key signed are accepted until the key's `exp`.

use jwt_simple::prelude::{A256KWKey, DecryptionOptions, JWTClaims};
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use serde_json::{Value, json};

use crate::jwt::b64;
use crate::jwt::refusal::{Refusal, excerpt};
use crate::jwt::strict::{MAX_TOKEN, Object};
use crate::keys::KeySet;
use crate::keys::key::{PublicKey, SigningKey};
use crate::keys::key_error::KeyError;
use crate::keys::verifying::lenient;
use crate::kinds::code::{Challenge, Code, CodePurpose, SealingSecret};
use crate::sealed::{OpeningKey, SealedToken};

/// The edge's secret keys. The first signing key signs tokens, and all signing keys verify tokens. The first sealing
/// key encrypts, and all sealing keys decrypt. Because new keys are added at the end, every running instance (isolate)
/// of the Worker can receive a new key before the key is used. Other parties encrypt tokens with the edge's first P-256
/// key or with an RSA key. The edge can decrypt with all its P-256 and RSA keys.
#[derive(Clone)]
pub struct EdgeKeys {
    pub(super) signer: Signer,
    pub(super) others: Vec<Signer>,
    pub(super) sealers: Vec<Sealer>,
    pub(super) openers: Vec<Opener>,
    pub(super) retired: Vec<Retired>,
    pub(super) public: KeySet,
    pub(super) for_devices: KeySet,
}

/// A signing key with the dates of its rotation, in seconds of Unix time.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) key: SigningKey,
    pub(super) made: Option<u64>,
    pub(super) signs_since: Option<u64>,
}

/// A key pair that decrypts tokens that other parties encrypted for the edge.
#[derive(Clone)]
pub(super) struct Opener {
    pub(super) key: OpeningKey,
    pub(super) made: Option<u64>,
}

/// The public half of a signing key that no longer signs.
#[derive(Clone)]
pub(super) struct Retired {
    pub(super) key: PublicKey,
    pub(super) until: u64,
}

/// A sealing key: a 256-bit secret that encrypts refresh tokens (A256KW). The secret for codes and challenges is
/// derived from the sealing key.
#[derive(Clone)]
pub(crate) struct Sealer {
    pub(super) raw: Vec<u8>,
    pub(super) kid: String,
    pub(super) made: Option<u64>,
    pub(super) wrap: A256KWKey,
    pub(super) seal: SealingSecret,
}

impl Sealer {
    pub(super) fn new(raw: Vec<u8>, made: Option<u64>) -> Result<Self, KeyError> {
        let wrap = A256KWKey::from_bytes(&raw)
            .map_err(|_| KeyError::Unfit("a sealing key (`kty` is oct) must have 256 bits"))?;
        let kid =
            b64::encode(&hmac_sha256::HMAC::mac(b"pinlatch kid", &raw)).chars().take(16).collect::<String>();
        let seal = SealingSecret(hmac_sha256::HMAC::mac(b"pinlatch seal", &raw).to_vec());
        Ok(Self { raw, wrap: wrap.with_key_id(&kid), kid, made, seal })
    }

    pub(super) fn generate(made: Option<u64>) -> Result<Self, KeyError> {
        Self::new(A256KWKey::generate().to_bytes(), made)
    }

    pub(super) fn to_jwk(&self) -> Value {
        let jwk = json!({ "kty": "oct", "alg": "A256KW", "use": "enc", "k": b64::encode(&self.raw) });
        dated(jwk, [("iat", self.made)])
    }
}

impl Signer {
    pub(super) fn generate(made: Option<u64>) -> Self {
        Self { key: SigningKey::generate(), made, signs_since: None }
    }

    pub(super) fn to_jwk(&self) -> Option<Value> {
        let jwk = serde_json::from_str(self.key.to_private_jwk().expose()).ok()?;
        Some(dated(jwk, [("iat", self.made), ("nbf", self.signs_since)]))
    }
}

impl Opener {
    pub(super) fn generate(made: Option<u64>) -> Self {
        Self { key: OpeningKey::generate(), made }
    }

    /// Returns whether a rotation replaces this key. A rotation replaces P-256 keys. RSA keys belong to the owner, so
    /// only the owner replaces an RSA key.
    pub(super) fn rotates(&self) -> bool {
        self.key.algorithm().agrees()
    }

    pub(super) fn to_jwk(&self) -> Value {
        dated(self.key.to_private_jwk(), [("iat", self.made)])
    }
}

impl Retired {
    pub(super) fn to_jwk(&self) -> Value {
        dated(self.key.to_jwk(), [("exp", Some(self.until))])
    }
}

/// Adds the dates that are known to a JWK.
fn dated<const N: usize>(mut jwk: Value, dates: [(&str, Option<u64>); N]) -> Value {
    if let Some(members) = jwk.as_object_mut() {
        members.extend(dates.into_iter().filter_map(|(name, date)| Some((name.to_owned(), date?.into()))));
    }
    jwk
}

impl std::fmt::Debug for EdgeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EdgeKeys({} + {})", self.signer.key.kid(), self.others.len())
    }
}

impl EdgeKeys {
    /// Generates a first set of keys without dates. The set contains a signing key, a sealing key, and a key pair that
    /// decrypts tokens from other parties.
    pub fn generate() -> Result<Self, KeyError> {
        let (signers, sealers) = (vec![Signer::generate(None)], vec![Sealer::generate(None)?]);
        Self::assemble(signers, sealers, vec![Opener::generate(None)], Vec::new())
    }

    /// Parses the value of the secret `EDGE_KEYS`.
    pub fn from_jwks(text: &str) -> Result<Self, KeyError> {
        let jwks: Value = serde_json::from_str(text)
            .map_err(|_| KeyError::Form("the value of EDGE_KEYS is not valid JSON"))?;
        let keys = jwks
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeyError::Form("the member `keys` of the JWK Set is missing or is not an array"))?;
        let (mut signers, mut sealers, mut openers, mut retired) = (vec![], vec![], vec![], vec![]);
        for jwk in keys {
            let date = |name| jwk.get(name).and_then(Value::as_u64);
            match jwk.get("kty").and_then(Value::as_str) {
                Some("OKP") if jwk.get("d").is_none() && date("exp").is_some() => {
                    let until = date("exp").unwrap_or_default();
                    retired.push(Retired { key: PublicKey::from_jwk(jwk)?, until });
                }
                Some("OKP") => signers.push(Signer {
                    key: SigningKey::from_jwk(&jwk.to_string())?,
                    made: date("iat"),
                    signs_since: date("nbf"),
                }),
                Some("oct") => {
                    let raw = jwk.get("k").and_then(Value::as_str).and_then(b64::decode);
                    let raw = raw.ok_or(KeyError::Form("the member `k` is missing or is not base64url"))?;
                    sealers.push(Sealer::new(raw, date("iat"))?);
                }
                Some("EC" | "RSA") => {
                    let members = jwk.as_object().ok_or(KeyError::Form("the JWK is not a JSON object"))?;
                    openers.push(Opener { key: OpeningKey::from_jwk(members)?, made: date("iat") });
                }
                _ => return Err(KeyError::Unfit("the `kty` of the key must be OKP, oct, EC or RSA")),
            }
        }
        Self::assemble(signers, sealers, openers, retired)
    }

    pub(super) fn assemble(
        mut signers: Vec<Signer>,
        sealers: Vec<Sealer>,
        openers: Vec<Opener>,
        retired: Vec<Retired>,
    ) -> Result<Self, KeyError> {
        if signers.is_empty() {
            return Err(KeyError::Missing("signing key"));
        }
        if sealers.is_empty() {
            return Err(KeyError::Missing("sealing key"));
        }
        for (index, opener) in openers.iter().enumerate() {
            if openers.iter().skip(index + 1).any(|other| other.key.kid() == opener.key.kid()) {
                return Err(KeyError::DuplicateKid(excerpt(opener.key.kid())));
            }
        }
        let mut public = KeySet::default();
        for signer in &signers {
            public.add(signer.key.public())?;
        }
        let mut for_devices = public.clone();
        for key in &retired {
            for_devices.add(key.key.clone())?;
        }
        let signer = signers.remove(0);
        Ok(Self { signer, others: signers, sealers, openers, retired, public, for_devices })
    }

    /// Returns the value for the secret `EDGE_KEYS` of the Worker.
    pub fn to_private_jwks(&self) -> Secret {
        let signing = self.signers().filter_map(Signer::to_jwk);
        let sealing = self.sealers.iter().map(Sealer::to_jwk);
        let opening = self.openers.iter().map(Opener::to_jwk);
        let retired = self.retired.iter().map(Retired::to_jwk);
        let keys = signing.chain(sealing).chain(opening).chain(retired);
        Secret::new(json!({ "keys": keys.collect::<Vec<_>>() }).to_string())
    }

    /// Returns the public halves of the signing keys.
    pub fn public(&self) -> &KeySet {
        &self.public
    }

    /// Returns the keys that verify device certificates (`devcert+jwt`): the current public keys and the retired public
    /// keys. The retired keys are needed because a device can be offline for months. The device's certificate can have
    /// the signature of a signing key that was retired in the meantime. The site also checks the id of the certificate
    /// and the key of the device.
    pub fn for_devices(&self) -> &KeySet {
        &self.for_devices
    }

    /// Returns the JWK Set that the edge publishes. The set contains the public halves of the signing keys and of the
    /// keys that other parties encrypt with. A new P-256 key is published only after the switch of the rotation. After
    /// the switch, every running instance (isolate) of the Worker can decrypt with the new key.
    pub fn published(&self) -> Value {
        let mut jwks = self.public.to_jwks();
        if let Some(keys) = jwks.get_mut("keys").and_then(Value::as_array_mut) {
            keys.extend(self.receiving().map(|opener| opener.key.public_jwk()));
        }
        jwks
    }

    /// Reads a token that another party encrypted for the edge (RFC 7516), without decrypting it. `is_sealed`
    /// recognises encrypted tokens. [`SealedToken::open`] decrypts the token. The caller must verify the signed JWT in
    /// it like any other token.
    pub fn read_sealed<'k, 't>(&'k self, token: &'t str) -> Result<SealedToken<'k, 't>, Refusal> {
        SealedToken::read(token, self.openers.iter().map(|opener| &opener.key))
    }

    /// Returns the keys that other parties encrypt with. Other parties encrypt with the first P-256 key that does not
    /// wait for its switch, and with the owner's RSA keys.
    pub(super) fn receiving(&self) -> impl Iterator<Item = &Opener> {
        let switched = |opener: &&Opener| opener.rotates() && opener.made <= self.signer.made;
        let own = self.openers.iter().find(switched);
        own.into_iter().chain(self.openers.iter().filter(|opener| !opener.rotates()))
    }

    pub(crate) fn signer(&self) -> &SigningKey {
        &self.signer.key
    }

    /// Returns all signing keys. The first key in the order signs new tokens.
    pub(super) fn signers(&self) -> impl Iterator<Item = &Signer> {
        std::iter::once(&self.signer).chain(&self.others)
    }

    /// Encrypts claims as a JWE with A256KW and A256GCM, so that only the edge can read the claims.
    pub(crate) fn seal_own(&self, claims: JWTClaims<Object>) -> Result<String, Refusal> {
        let sealer = self.sealers.first().ok_or(Refusal::BadSeal)?;
        sealer.wrap.encrypt(claims).map_err(|_| Refusal::BadSeal)
    }

    /// Decrypts a JWE that [`EdgeKeys::seal_own`] encrypted with any of the sealing keys. The caller must check the
    /// purpose and the expiry of the claims.
    pub(crate) fn open_own(&self, sealed: &str) -> Result<JWTClaims<Object>, Refusal> {
        let options = || DecryptionOptions {
            max_token_length: Some(MAX_TOKEN),
            claim_options: Some(lenient()),
            ..DecryptionOptions::default()
        };
        let mut opened =
            self.sealers.iter().filter_map(|sealer| sealer.wrap.decrypt_token(sealed, Some(options())).ok());
        opened.next().ok_or(Refusal::BadSeal)
    }

    fn first_seal(&self) -> Option<&SealingSecret> {
        self.sealers.first().map(|sealer| &sealer.seal)
    }

    /// Calls `open` with the secret of each sealing key. Returns the first result that is not
    /// [`Refusal::BadSeal`]. If no key fits, the function returns `BadSeal`.
    fn open_with<T>(&self, open: impl Fn(&SealingSecret) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut outcome = Err(Refusal::BadSeal);
        for sealer in &self.sealers {
            outcome = open(&sealer.seal);
            if !matches!(outcome, Err(Refusal::BadSeal)) {
                break;
            }
        }
        outcome
    }

    /// Creates a new challenge for a device.
    pub fn issue_challenge(&self, now: u64) -> String {
        self.first_seal().map(|secret| Challenge::issue(secret, now)).unwrap_or_default()
    }

    /// Checks a challenge that a device returned. Returns the time when the challenge was issued, in seconds of Unix
    /// time.
    pub fn open_challenge(&self, text: &str, now: u64) -> Result<u64, Refusal> {
        self.open_with(|secret| Challenge::open(secret, text, now))
    }

    /// Issues a one-time code. Returns the properties of the code and the code as text. `expires` is the expiry time,
    /// in seconds of Unix time.
    pub fn issue_code(
        &self,
        purpose: CodePurpose,
        site: &Name,
        expires: u64,
    ) -> Result<(Code, Secret), KeyError> {
        let secret = self.first_seal().ok_or(KeyError::Missing("sealing key"))?;
        let (code, text) = Code::issue(secret, purpose, site, expires);
        Ok((code, Secret::new(text)))
    }

    /// Checks the HMAC and the expiry of a one-time code.
    pub fn open_code(&self, purpose: CodePurpose, text: &str, now: u64) -> Result<Code, Refusal> {
        self.open_with(|secret| Code::open(secret, purpose, text, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_secret_and_open_what_they_sealed() {
        let keys = EdgeKeys::generate().unwrap();
        let again = EdgeKeys::from_jwks(keys.to_private_jwks().expose()).unwrap();
        let site = Name::new("home").unwrap();
        let (code, text) = keys.issue_code(CodePurpose::Enrol, &site, 1_000).unwrap();
        assert_eq!(again.open_code(CodePurpose::Enrol, text.expose(), 999).unwrap(), code);
        assert_eq!(again.open_code(CodePurpose::Enrol, text.expose(), 1_000), Err(Refusal::Expired(0)));
        assert_eq!(again.open_code(CodePurpose::Setup, text.expose(), 999), Err(Refusal::BadSeal));
        let other_site = text.expose().replace("home", "lab");
        assert_eq!(again.open_code(CodePurpose::Enrol, &other_site, 999), Err(Refusal::BadSeal));
        assert_eq!(
            EdgeKeys::generate().unwrap().open_code(CodePurpose::Enrol, text.expose(), 999),
            Err(Refusal::BadSeal)
        );
    }

    #[test]
    fn a_challenge_is_good_for_a_minute() {
        let keys = EdgeKeys::generate().unwrap();
        let challenge = keys.issue_challenge(5_000);
        assert_eq!(Challenge::time_of(&challenge), Some(5_000));
        assert_eq!(keys.open_challenge(&challenge, 5_059), Ok(5_000));
        assert_eq!(keys.open_challenge(&challenge, 5_060), Err(Refusal::Expired(60)));
        assert_eq!(EdgeKeys::generate().unwrap().open_challenge(&challenge, 5_000), Err(Refusal::BadSeal));
        assert_eq!(keys.open_challenge("", 5_000), Err(Refusal::BadSeal));
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = EdgeKeys::generate().unwrap();
        let secret: Value = serde_json::from_str(keys.to_private_jwks().expose()).unwrap();
        let shown = format!("{keys:?} {:?}", keys.to_private_jwks());
        for key in secret["keys"].as_array().unwrap() {
            for member in ["d", "k"] {
                assert!(key.get(member).is_none_or(|value| !shown.contains(value.as_str().unwrap())));
            }
        }
    }

    #[test]
    fn a_set_without_either_key_is_refused() {
        assert!(matches!(EdgeKeys::from_jwks("{\"keys\":[]}"), Err(KeyError::Missing(_))));
        assert!(matches!(EdgeKeys::from_jwks("nonsense"), Err(KeyError::Form(_))));
    }
}
