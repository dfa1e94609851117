//! The texts of the panel. Each screen has a module for its texts. Several screens share the texts about lines,
//! problems and times. The test in `literals.rs` checks that views contain no texts.

pub mod board;
pub mod entry;
pub mod guest;
pub mod line;
mod names;
mod problems;
mod times;

#[cfg(test)]
mod literals;
#[cfg(test)]
mod tests;

pub use board::*;
pub use entry::*;
pub use line::{level, level_mark, measured, press, pressed, pulse_left, reported, requested};
pub use names::*;
pub use problems::*;
pub use times::*;

pub const CANCEL: &str = "Cancel";
