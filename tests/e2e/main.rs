//! One binary for all end-to-end tests, so that they share one deployment.

mod access;
mod agents;
mod commands;
mod contract;
mod interop;
mod latency;
mod panel;
mod restarts;
mod sessions;
mod tokens;
