//! This crate contains the code that the end-to-end tests share. The crate starts deployments in real workerd, real
//! agents with simulated GPIO lines, and real browsers.
//!
//! `cargo xtask test` builds all programs, passes their paths in environment variables, and runs the end-to-end tests.

pub mod agent;
pub mod browser;
pub mod certificates;
pub mod deployment;
mod devtools;
pub mod emulated;
pub mod forge;
pub mod front_proxy;
pub mod host_lock;
pub mod http;
pub mod measure;
pub mod outsiders;
mod program;
pub mod provider;
pub mod proxy;
mod ready;
pub mod screen;
pub mod site;
pub mod socket;
pub mod stream;
pub mod systemd;
mod touch;
pub mod verification;
pub mod wait;

pub use agent::Agent;
pub use browser::Browser;
pub use certificates::Certificates;
pub use deployment::Deployment;
pub use host_lock::HostLock;
pub use http::{Answer, Http};
pub use program::program;
pub use proxy::Proxy;
pub use site::Site;
pub use socket::Panel;
pub use wait::{eventually, soon};
