//! Reports which tools are installed, and compares versions.

use std::path::PathBuf;
use std::process::Command;

use super::system::{self, Package};

/// One row in the table of `cargo xtask doctor`.
pub struct Report {
    pub name: &'static str,
    /// The version and the path of the tool, if the tool is installed.
    pub found: Option<(String, String)>,
    /// True if the demo or the tests need this tool on this system.
    pub needed: bool,
    /// The command or the text that describes how to install the tool.
    pub get: String,
}

/// Returns the row for a program that a system package contains.
pub fn program_report(name: &'static str, path: Option<PathBuf>, package: &Package) -> Report {
    let found = path.and_then(|path| Some((version_of(&path)?, path.display().to_string())));
    Report { name, found, needed: true, get: system::install_line(package) }
}

/// Returns whether `version` is at least `minimum`. The function compares the numbers between the dots.
pub fn at_least(version: &str, minimum: &str) -> bool {
    numbers(version) >= numbers(minimum)
}

/// Returns the numbers between the dots of the first version in a text such as `v20.1.2` or `cargo 1.96.0 (…)`.
pub fn numbers(version: &str) -> Vec<u32> {
    version
        .split_ascii_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(|word| {
            word.split('.')
                .map_while(|part| {
                    let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().ok()
                })
                .collect()
        })
        .unwrap_or_default()
}

/// Returns the first line that `PROGRAM --version` prints.
pub fn version_of(program: impl AsRef<std::ffi::OsStr>) -> Option<String> {
    let text = crate::process::output_of(Command::new(program.as_ref()).arg("--version")).ok()?;
    Some(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(at_least("v24.9.0", "22.12.0"));
        assert!(at_least("22.12.0", "22.12.0"));
        assert!(!at_least("v20.20.2", "22.12.0"));
        assert!(at_least("22.100.0", "22.12.0"));
        assert!(!at_least("", "22.12.0"));
    }

    #[test]
    fn versions_are_found_in_sentences() {
        assert_eq!(numbers("wasm-bindgen 0.2.130"), [0, 2, 130]);
        assert_eq!(numbers("rustc 1.96.0-nightly (abc 2026-05-25)"), [1, 96, 0]);
        assert_eq!(numbers("none"), Vec::<u32>::new());
    }
}
