//! The views of the administration pages.

pub mod account;
pub mod activity;
pub mod device;
pub mod devices;
pub mod inspector;
pub mod people;
mod sessions;
pub mod tokens;
