//! Reads and writes the files from which wrangler deploys the Worker.

pub mod vars;
pub mod wrangler;
