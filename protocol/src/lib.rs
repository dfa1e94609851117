//! Pinlatch's wire types, shared by the edge, the agent, the panel and the command line.
//!
//! The crate does no I/O, reads no clock and uses no keys. It checks only that a message is well formed. Other crates
//! decide whether the message is *allowed*.

#![warn(missing_docs)]

pub mod admin;
pub mod agent;
pub mod api;
pub mod command;
pub mod line;
pub mod loopback;
pub mod name;
pub mod panel;
pub mod problem;
pub mod scope;

/// The subprotocol of both WebSockets.
pub const SUBPROTOCOL: &str = "pinlatch.v1";

/// The largest text frame that both sides of a WebSocket send and accept, in bytes.
pub const MAX_FRAME: usize = 16 * 1024;

/// The text that agents and panels send to keep a connection alive. The edge answers with [`PONG`] without waking the
/// site.
pub const PING: &str = "ping";

/// The edge's answer to [`PING`].
pub const PONG: &str = "pong";

/// The interval at which agents and panels send [`PING`], in milliseconds.
pub const PING_EVERY_MS: u64 = 15_000;

/// How long a socket can be silent before it counts as lost, in milliseconds: the time of three pings.
pub const SILENCE_LIMIT_MS: u64 = 3 * PING_EVERY_MS;
