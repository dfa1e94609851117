//! Connects to the edge and to other servers.

pub mod api;
pub mod client_token;
mod proof;
pub mod published;
pub mod session;
pub mod socket;
