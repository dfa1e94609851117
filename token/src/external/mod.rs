//! The tokens of external issuers and login providers.

pub(crate) mod issuer;
pub mod login;
