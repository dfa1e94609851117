//! Basic components that do not depend on sites, devices or lines.

pub mod dialog;
pub mod field;
pub mod icon;
pub mod notice;
pub mod page;
pub mod popover;
pub mod skip;
pub mod starting;
