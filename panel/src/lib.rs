//! The control panel of Pinlatch in the browser: three programs over the same modules: the ways in
//! (`entry`), the board of devices (`control`) and the pages of administration ([`manage`]).
//!
//! [`visit`] reads the page's address, [`link`] decides about connections, [`model`] about what is known,
//! [`words`] how it is said: plain Rust, the time an argument, tested natively. The rest drives them in a browser and draws what they say.

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
