//! The agent against an edge in the same process: one binary, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;
mod clockless;
mod config;
mod edge;
mod enrol;
mod frames;
mod obeying;
mod trust;
mod world;
