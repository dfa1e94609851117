//! The control panel of Pinlatch in the browser: three programs that share modules. They are sign-in (`entry`), the board
//! of devices (`control`) and the administration pages ([`manage`]).
//!
//! [`visit`] reads the page's address, [`link`] manages connections, [`model`] holds the data, [`words`] has the texts.
//! These are plain Rust with the time as an argument, and are tested natively. The other modules need a browser.

pub mod board;
pub mod link;
pub mod manage;
pub mod model;
pub mod prefs;
pub mod visit;
pub mod words;

#[cfg(target_arch = "wasm32")]
mod api;
#[cfg(target_arch = "wasm32")]
pub mod control;
#[cfg(target_arch = "wasm32")]
pub mod entry;
#[cfg(target_arch = "wasm32")]
mod live;
#[cfg(target_arch = "wasm32")]
mod parts;
#[cfg(target_arch = "wasm32")]
mod platform;
#[cfg(target_arch = "wasm32")]
mod session;
#[cfg(target_arch = "wasm32")]
mod socket;
#[cfg(target_arch = "wasm32")]
mod ui;
