//! The views of the administration pages.

pub mod activity;
pub mod device;
pub mod devices;
pub mod inspector;
pub mod people;
pub mod tokens;
