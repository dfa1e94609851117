//! This crate defines Pinlatch's kinds of tokens, and signs and verifies tokens.
//!
//! The crate `jwt-simple` does the cryptography, and this crate adds the policy. The claims `exp` and `iat` are
//! required and must be whole numbers. The names of JSON members must be unique. The kind (`typ`) and the audience must
//! match. The algorithm is determined by the key and not by the token. This crate never fetches a URL or opens a file
//! that a token refers to. This crate never uses a key that a token contains. The caller passes the current time as an
//! argument.

#![warn(missing_docs)]

mod edge_keys;
mod external;
mod jwt;
mod keys;
mod kinds;
mod policy;
mod sealed;

pub use external::login;
pub use kinds::{command, device, keyset, refresh, welcome};

pub use edge_keys::{EdgeKeys, KeyEntry, KeyRole, Step, StepError};
pub use external::issuer::{Admitted, Issuer, Issuers, NotAdmitted, private_uri, unverified_kid};
pub use jwt::claims::Registered;
pub use jwt::kind::Kind;
pub use jwt::refusal::Refusal;
pub use keys::KeySet;
pub use keys::alg::Algorithm;
pub use keys::key::{PublicKey, SigningKey};
pub use keys::key_error::KeyError;
pub use keys::minting::MintingKey;
pub use kinds::access::{AccessClaims, AccessGrant, MAX_PERSON_LIFE, TOKEN_SUBJECT_PREFIX};
pub use kinds::code::{Challenge, Code, CodePurpose};
pub use policy::cache::SignatureCache;
pub use policy::explain::{Check, CheckResult, Explanation, Member, explain};
pub use policy::{Accepted, Expect, Terms, Typ, Verified, verify, verify_foreign, verify_foreign_cached};
pub use sealed::{SealingKey, is_sealed};

use pinlatch_protocol::name::Name;
use rand::Rng;

/// The issuer (`iss`) of all tokens that the edge signs.
pub const EDGE: &str = "urn:pinlatch:edge";

/// The issuer (`iss`) of key sets, which the owner's root key signs.
pub const ROOT: &str = "urn:pinlatch:root";

/// Returns the audience (`aud`) of tokens for a site of the edge.
pub fn site_audience(site: &Name) -> String {
    format!("urn:pinlatch:site:{site}")
}

/// Returns the audience (`aud`) of tokens for a device.
pub fn device_audience(site: &Name, device: &Name) -> String {
    format!("urn:pinlatch:device:{site}/{device}")
}

/// Returns whether a nonce from another party is valid. A valid nonce has 16 to 64 base64url characters.
pub fn is_nonce(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (16..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Returns a new random text of 128 bits. The text is used as a `jti`, as the id of a login, or as a session nonce.
pub fn random_id() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    jwt::b64::encode(&bytes)
}
