//! The tokens and codes that Pinlatch itself signs, one module per kind.

pub(crate) mod access;
pub mod client;
pub(crate) mod code;
pub mod command;
pub mod device;
pub mod identity;
pub mod keyset;
pub mod reading;
pub mod receipt;
pub mod refresh;
pub mod statement;
pub mod welcome;
