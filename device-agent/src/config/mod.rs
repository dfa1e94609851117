//! Reads the agent's configuration file. The configuration file defines the permissions of this device, and the edge
//! cannot override these permissions.
//!
//! The module [`raw`] defines the syntax of the configuration file, and the module [`check`] validates its content. All
//! errors in a configuration file are reported together. Each error has a position in the file and a stable code.

mod check;
pub mod quantity;
mod raw;
pub mod settings;

use std::path::Path;

pub use settings::*;

impl Config {
    /// Reads and validates a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.into(),
            issues: vec![Issue { code: "config_unreadable", at: None, message: error.to_string() }],
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).map_err(|issues| ConfigError { file: file.into(), issues })
    }

    /// Parses and validates the text of a configuration file. Relative paths are resolved against `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Issue>> {
        let raw: raw::File = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| place(text, span.start));
            vec![Issue { code: "config_syntax", at, message: error.message().replace('\n', ", ") }]
        })?;
        check::check(raw, text, folder)
    }
}
