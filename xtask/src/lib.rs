//! The developer's tools: `cargo xtask demo`, `test`, `build`, `bench`, `fuzz`, `doctor`.
//!
//! This is a library in addition to the binary, so that the end-to-end tests can start the Worker and the agent as the
//! demo does ([`edge::Edge`], [`guard::Guarded`]). Only `pinlatch` and `pinlatch-agent` handle keys; xtask never does.

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
pub mod suite;
pub mod together;
pub mod tools;
pub mod ui;
