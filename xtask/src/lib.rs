//! The developer's tools: `cargo xtask demo`, `test`, `build`, `bench`, `fuzz`, `doctor`.
//!
//! A library in addition to the binary, because the end-to-end tests start the Worker and the agent as the demo does
//! ([`edge::Edge`], [`guard::Guarded`]). xtask never handles a key: only `pinlatch` and `pinlatch-agent` do.

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
