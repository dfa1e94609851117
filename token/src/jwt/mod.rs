//! The form of tokens: JSON objects with unique members, base64url, kinds, claims, and the reasons for a refusal.

pub(crate) mod b64;
pub(crate) mod claims;
pub(crate) mod digest_cache;
pub(crate) mod kind;
pub(crate) mod refusal;
pub(crate) mod span;
pub(crate) mod strict;
