//! The handful of components that every screen is made of. They know nothing of sites, devices or lines.

pub mod dialog;
pub mod field;
pub mod icon;
pub mod notice;
pub mod page;
pub mod starting;
