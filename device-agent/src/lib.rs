//! The daemon on the device: keeps a WebSocket to the edge, verifies every `cmd+jwt` itself, and drives
//! the lines within the limits of its own configuration.
//!
//! Everything runs on one thread. A frame that arrives is verified and the line set in one call, with no
//! queue in between; timers that end pulses run beside the link, not on it.

pub mod agent;
pub mod backoff;
pub mod clock;
pub mod commands;
pub mod config;
pub mod credentials;
pub mod dial;
pub mod enrol;
pub mod handshake;
pub mod http;
pub mod journal;
pub mod lines;
pub mod link_error;
pub mod log;
pub mod metrics;
pub mod outbox;
pub mod proxy;
pub mod reload;
pub mod renewal;
pub mod session;
pub mod status;
pub mod systemd;
pub mod telemetry;
pub mod tls;
pub mod uplink;
pub mod welcome;
