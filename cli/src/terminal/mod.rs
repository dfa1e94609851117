//! Parses what people type, and prints what people read.

pub mod output;
pub mod password;
pub mod text;
pub mod times;
