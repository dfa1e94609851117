//! The screens.

pub mod control;
pub mod login;
pub mod shut;
pub mod starting;
