//! What a developer runs: `cargo xtask demo`, `test`, `build`, `bench`, `fuzz`, `doctor`.
//!
//! A library besides the binary, because the end-to-end tests start the Worker and the agent exactly as the
//! demo does ([`edge::Edge`], [`guard::Guarded`]). Nothing here touches a key: `pinlatch` and
//! `pinlatch-agent` do, as programs of their own.

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
