//! Tests the agent with a simulated edge in the same process. All tests are in one binary, so that the compiler links
//! the agent only once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod attacks;
mod cli;
mod clockless;
mod config;
mod crashes;
mod edge;
mod enrol;
#[path = "../../../tests/src/forge/mod.rs"]
#[allow(dead_code, reason = "it is shared with tests that use more of it")]
mod forge;
mod frames;
mod holders;
mod kinds;
mod metrics;
mod obeying;
mod pki;
mod proxy;
mod reload;
mod renewal;
mod rules;
mod running;
mod statements;
mod test_agent;
mod trust;
mod uplink;
