//! The pages of administration: devices, people, API tokens and guest links, the activity log, the token inspector.
//! A program of its own, loaded where somebody opens them.
//!
//! [`page`] reads and writes their addresses, [`rights`] says what is offered to whom, [`picker`] which scopes are
//! chosen, [`validity`] how long tokens are good, [`changes`] what happens on a device, [`activity`] which entries of
//! the audit log are here, [`inspect`] what a token is worth, [`qr`] draws, [`words`] says it: plain Rust, tested
//! natively. The rest draws what they say.

pub mod activity;
pub mod changes;
pub mod inspect;
pub mod page;
pub mod picker;
pub mod qr;
pub mod rights;
pub mod validity;
pub mod words;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod call;
#[cfg(target_arch = "wasm32")]
mod pages;
#[cfg(target_arch = "wasm32")]
mod parts;

#[cfg(target_arch = "wasm32")]
pub use app::mount;
