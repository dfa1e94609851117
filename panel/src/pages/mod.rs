//! The screens.

pub mod control;
pub mod login;
pub mod setup;
pub mod shut;
pub mod starting;

mod entry;
