//! Components of the administration pages.

pub mod bar;
pub mod button;
pub mod copyable;
pub mod dialog;
pub mod doing;
pub mod field;
pub mod frame;
pub mod heading;
pub mod list;
pub mod more;
pub mod once;
pub mod open_items;
pub mod picker;
pub mod proof;
pub mod sheet;
