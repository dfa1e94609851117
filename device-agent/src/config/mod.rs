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

/// A valid configuration, and the text from which it was parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigFile {
    pub text: String,
    pub config: Config,
}

impl ConfigFile {
    /// Reads and validates a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.into(),
            issues: vec![Issue { code: "config_unreadable", at: None, message: error.to_string() }],
        })?;
        Self::parse(file, text)
    }

    /// Parses and validates the text of a configuration file. The file itself is not read.
    pub fn parse(file: &Path, text: String) -> Result<Self, ConfigError> {
        let folder = file.parent().unwrap_or(Path::new(""));
        match Config::parse(&text, folder) {
            Ok(config) => Ok(Self { text, config }),
            Err(issues) => Err(ConfigError { file: file.into(), issues }),
        }
    }
}

impl Config {
    /// Reads and validates a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Ok(ConfigFile::load(file)?.config)
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
