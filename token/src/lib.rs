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
mod names;
mod policy;
mod sealed;

pub use external::login;
pub use kinds::{
    call, client, command, device, grant, identity, keyset, reading, receipt, refresh, revocations,
    statement, welcome,
};

pub use edge_keys::{EdgeKeys, KeyEntry, KeyRole, Step, StepError};
pub use external::issuer::{Admitted, Issuer, Issuers, NotAdmitted, unverified_kid};
pub use external::uri::private_uri;
pub use jwt::claims::Registered;
pub use jwt::kind::Kind;
pub use jwt::refusal::Refusal;
pub use jwt::strict::MAX_TOKEN;
pub use keys::KeySet;
pub use keys::alg::Algorithm;
pub use keys::holder::{HolderKey, HolderPublicKey};
pub use keys::key::{PublicKey, SigningKey};
pub use keys::key_error::{KeyError, RSA_BITS};
pub use keys::minting::MintingKey;
pub use kinds::access::{AccessClaims, AccessGrant};
pub use kinds::code::{Challenge, Code, CodePurpose};
pub use kinds::freshness::ChallengeSecret;
pub use names::{EDGE, ROOT, THUMBPRINT, device_audience, is_nonce, is_thumbprint, random_id, site_audience};
pub use pinlatch_protocol::admin::TOKEN_SUBJECT_PREFIX;
pub use pinlatch_protocol::api::MAX_PERSON_LIFE;
pub use policy::cache::SignatureCache;
pub use policy::explain::{Check, CheckResult, Explanation, Member, explain};
pub use policy::{
    Accepted, Expect, Terms, Typ, Verified, unverified_device, unverified_kind, unverified_site, verify,
    verify_foreign, verify_foreign_cached,
};
pub use sealed::{OpenedTokens, RsaOperation, SealedToken, SealingKey, is_sealed};
