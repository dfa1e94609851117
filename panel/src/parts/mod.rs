//! Components of the board.

pub mod header;
pub mod line;
pub mod other_login;
pub mod places;
pub mod plate;
pub mod visit;

mod arrange;
mod colour;
mod contact;
mod handle;
mod momentary;
mod notice;
mod number;
mod presets;
mod sensor;
mod switch;
mod toolbar;
