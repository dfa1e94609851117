//! The administration pages: devices, people, API tokens and guest links, the activity log, the token inspector. A
//! separate program, loaded when one of the pages is opened.
//!
//! Plain Rust, tested natively: addresses ([`page`]), permissions of the viewer ([`rights`]), selected scopes
//! ([`picker`]), validity of tokens ([`validity`]), events of a device ([`changes`]), loaded entries of the audit log
//! ([`activity`]), verdicts on tokens ([`inspect`]), QR codes ([`qr`]), texts ([`words`]). The other modules need a
//! browser.

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
