//! The control panel of Pinlatch in the browser. The panel consists of three programs that share modules: the login
//! program (`entry`), the board of devices (`control`) and the administration pages ([`manage`]).
//!
//! [`visit`] parses the page's URL, [`link`] manages connections, [`model`] stores the data, and
//! [`words`] contains the texts. The public modules that are compiled for every target are plain
//! Rust and are tested natively. These plain modules receive the time as an argument. The modules that are compiled
//! only for wasm32 need a browser.

pub mod board;
pub mod drag;
pub mod link;
pub mod manage;
pub mod model;
pub mod prefs;
pub mod refusal;
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
#[cfg(target_arch = "wasm32")]
mod viewer;
