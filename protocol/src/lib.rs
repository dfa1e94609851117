//! The words on Pinlatch's wire, shared by the edge, the agent, the panel and the command line.
//!
//! Nothing here does I/O, reads a clock or touches a key: a message that parses here is well formed,
//! and whether it is *allowed* is decided elsewhere.

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

/// The subprotocol that both WebSockets speak.
pub const SUBPROTOCOL: &str = "pinlatch.v1";

/// The largest text frame that either side of a socket sends or accepts, in bytes.
pub const MAX_FRAME: usize = 16 * 1024;

/// The text an agent or panel sends as a sign of life; the edge answers [`PONG`] without waking the site.
pub const PING: &str = "ping";

/// The edge's answer to [`PING`].
pub const PONG: &str = "pong";

/// How often an agent or panel sends [`PING`], in milliseconds.
pub const PING_EVERY_MS: u64 = 15_000;

/// Silence after which a socket counts as lost, in milliseconds: three missed pings.
pub const SILENCE_LIMIT_MS: u64 = 3 * PING_EVERY_MS;
