//! Parses what people type, and prints what people read.

pub mod code;
pub mod colour;
pub mod columns;
pub mod output;
pub mod password;
pub mod text;
pub mod times;
