//! The administration pages: devices, people, API tokens and guest links, the activity log, and the token inspector.
//! These pages are a separate program, which is loaded when a person opens one of the pages.
//!
//! The following modules are plain Rust and are tested natively: [`page`] (URLs), [`rights`] (permissions of the
//! viewer), [`picker`] (selected scopes), [`validity`] (validity of tokens),
//! [`changes`] (events of a device), [`enrolling`] (the progress of an enrolment), [`activity`] (loaded entries of the
//! audit log), [`inspect`] (verdicts on tokens), [`reading`] (signed readings of a line), [`qr`] (QR codes) and
//! [`words`] (texts). The other modules need a browser.

pub mod activity;
pub mod changes;
pub mod enrolling;
pub mod inspect;
pub mod page;
pub mod picker;
pub mod qr;
pub mod reading;
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
mod proof;

#[cfg(target_arch = "wasm32")]
pub use app::mount;
