//! The tokens of external issuers and login providers.

pub(crate) mod issuer;
pub mod login;
pub(crate) mod uri;
