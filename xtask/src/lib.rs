//! Implements the developer's tools `cargo xtask demo`, `test`, `build`, `bench`, `fuzz` and `doctor`.
//!
//! The crate xtask is a library and a binary. The end-to-end tests use the library to start the Worker and the agent in
//! the same way as the demo ([`edge::Edge`], [`guard::Guarded`]). The programs `pinlatch` and `pinlatch-agent` handle
//! keys, but xtask never handles keys.

pub mod bench;
pub mod build;
pub mod demo;
pub mod dist;
pub mod doctor;
pub mod edge;
pub mod fuzz;
pub mod guard;
pub mod paths;
pub mod process;
pub mod processes;
pub mod simulated;
pub mod suite;
pub mod together;
pub mod tools;
pub mod ui;
