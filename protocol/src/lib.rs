//! This crate defines the messages of Pinlatch's wire format. The edge, the agent, the panel and the command line share
//! the message types.
//!
//! The crate does no I/O, reads no clock and uses no keys. The crate checks only that a message is well formed. Other
//! crates decide whether a message is *allowed*.

#![warn(missing_docs)]

pub mod admin;
pub mod agent;
pub mod api;
pub mod audit;
pub mod close;
pub mod command;
#[cfg(test)]
mod documentation;
pub mod endpoint;
pub mod line;
pub mod loopback;
pub mod name;
#[cfg(test)]
mod openapi;
pub mod panel;
pub mod problem;
pub mod rule;
#[cfg(test)]
mod schema;
pub mod scope;
mod secret;
pub mod text;
mod wire_enum;
pub mod wording;

/// The WebSocket subprotocol of the agent socket and of the panel socket.
pub const SUBPROTOCOL: &str = "pinlatch.v1";

/// The maximum size of a request body of the HTTP API, in bytes.
pub const MAX_BODY: usize = 16 * 1024;

/// The maximum size of a text frame that both sides of a WebSocket send and accept, in bytes.
pub const MAX_FRAME: usize = 16 * 1024;

/// The text frame that agents and panels send to keep a connection open. The edge responds with
/// [`PONG`] without waking the site's Durable Object.
pub const PING: &str = "ping";

/// The edge's response to a [`PING`] frame.
pub const PONG: &str = "pong";

/// The interval at which agents and panels send [`PING`] frames, in milliseconds.
pub const PING_EVERY_MS: u64 = 15_000;

/// The time without any received frame after which a connection counts as lost, in milliseconds. The limit is three
/// ping intervals.
pub const SILENCE_LIMIT_MS: u64 = 3 * PING_EVERY_MS;
