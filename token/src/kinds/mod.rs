//! The tokens and codes that Pinlatch itself signs, one module per kind.

pub(crate) mod access;
pub mod client;
pub(crate) mod code;
pub mod command;
pub mod device;
pub mod keyset;
pub mod refresh;
pub mod welcome;
