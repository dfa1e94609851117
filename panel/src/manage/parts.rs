//! The pieces that the pages of administration are made of.

pub mod bar;
pub mod button;
pub mod dialog;
pub mod doing;
pub mod field;
pub mod frame;
pub mod heading;
pub mod once;
pub mod picker;
