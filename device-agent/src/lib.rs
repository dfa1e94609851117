//! The agent is a daemon that runs on a device and connects to the edge over a WebSocket. The agent verifies the
//! signature of every command token (`cmd+jwt`). Before the agent changes an output, it also checks the limits in its
//! own configuration file.
//!
//! All asynchronous tasks of the agent run on one thread. A single function call verifies a received command and sets
//! the output, so that no queue delays a command. The timers that end pulses also run while the connection to the edge
//! is lost.

pub mod agent;
pub mod calls;
pub mod clock;
pub mod commands;
pub mod config;
pub mod credentials;
pub mod enrol;
pub mod lines;
pub mod outbox;
pub mod rate;
pub mod reload;
pub mod reporting;
pub mod rules;
pub mod running;
pub mod safe;
pub mod statements;
pub mod uplink;
