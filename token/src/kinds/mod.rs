//! The tokens and codes that Pinlatch itself signs, one module per kind.

pub(crate) mod access;
pub mod call;
pub mod client;
pub(crate) mod code;
pub mod command;
pub mod device;
pub(crate) mod freshness;
pub mod grant;
pub mod identity;
pub mod keyset;
pub mod reading;
pub mod receipt;
pub mod refresh;
pub mod revocations;
pub mod statement;
pub mod welcome;
