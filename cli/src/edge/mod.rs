//! Connects to the edge and to other servers.

pub mod address;
pub mod api;
pub mod client_token;
pub mod lock;
pub mod network;
mod proof;
pub mod published;
pub mod session;
pub mod socket;
