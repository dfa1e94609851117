//! Basic components, independent of sites, devices and lines.

pub mod dialog;
pub mod field;
pub mod icon;
pub mod notice;
pub mod page;
pub mod starting;
