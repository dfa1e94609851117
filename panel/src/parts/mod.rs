//! The pieces that the screens are made of.

pub mod device;
pub mod header;
pub mod icon;
pub mod line;
pub mod visit;

mod colour;
mod contact;
mod momentary;
mod notice;
mod number;
mod sensor;
mod switch;
