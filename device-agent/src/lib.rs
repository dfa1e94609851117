//! The daemon on the device: keeps a WebSocket to the edge, verifies every `cmd+jwt` itself, and drives the lines
//! within the limits of its own configuration.
//!
//! Everything runs on one thread. A single call verifies a received command and sets the line, without a queue. The
//! timers that end pulses do not depend on the link.

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
