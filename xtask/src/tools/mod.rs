//! Finds the tools for builds and tests, and installs missing ones.
//!
//! Versions are pinned in the file that the tool's package manager reads: `Cargo.lock` or `package-lock.json`. All
//! other versions are pinned in `tools.toml`. Tools are installed into the user's cache folder, not into `target/`, so
//! that `cargo clean` does not delete them.

pub mod browser;
pub mod cross;
pub mod emulator;
pub mod lighthouse;
mod modules;
pub mod nightly;
pub mod node;
pub mod npm;
pub mod nspawn;
pub mod python;
pub mod rust_target;
pub mod shell;
pub mod system;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use self::system::{Consent, Package};
use crate::{paths, process, together::both};

/// The pinned versions, as in `tools.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pins {
    /// Installed if the machine's own Node is older than `node_minimum`.
    pub node: String,
    /// The oldest Node that wrangler runs on.
    pub node_minimum: String,
    /// Runs the fuzz targets.
    pub cargo_fuzz: String,
    /// Signs and verifies tokens in the interoperability tests.
    pub pyjwt: String,
    /// The cryptography library that PyJWT uses.
    pub cryptography: String,
    /// Encrypts and decrypts tokens in the interoperability tests.
    pub jwcrypto: String,
    /// Tests the edge against its OpenAPI document.
    pub schemathesis: String,
    /// Generates schemathesis's requests.
    pub hypothesis: String,
    /// Scores the panel's pages.
    pub lighthouse: String,
}

/// Settings for finding and installing tools.
pub struct Setup {
    /// Contains one `NAME-VERSION` folder per tool.
    pub cache: PathBuf,
    pub pins: Pins,
    /// Whether xtask is allowed to change packages and system folders.
    pub consent: Consent,
}

impl Setup {
    /// Reads the pinned versions. Installs nothing.
    pub fn new(consent: Consent) -> Result<Self> {
        let file = paths::root().join("tools.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pins = toml::from_str(&text).with_context(|| format!("{} is invalid", file.display()))?;
        let consent = if process::is_ci() && consent == Consent::Ask { Consent::Given } else { consent };
        Ok(Self { cache: paths::tool_cache()?, pins, consent })
    }

    /// Creates a folder in the cache atomically: `fill` fills a temporary folder, which then replaces `home`.
    fn make_folder(&self, home: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        fs::create_dir_all(&self.cache).with_context(|| format!("cannot create {}", self.cache.display()))?;
        let work = tempfile::tempdir_in(&self.cache)?;
        let made = work.path().join("made");
        fs::create_dir(&made)?;
        fill(&made)?;
        let _ = fs::remove_dir_all(home);
        fs::rename(&made, home).with_context(|| format!("cannot create {}", home.display()))
    }
}

/// The tools from npm.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Node, new enough for wrangler.
    pub node: PathBuf,
    /// `node_modules` of the work tree, with the locked versions.
    pub node_modules: PathBuf,
}

impl Tools {
    /// Installs missing tools. Requires [`npm::PACKAGE`].
    pub fn ensure(setup: &Setup) -> Result<Self> {
        let (node, node_modules) = both(|| node::ensure(setup), npm::ensure)?;
        Ok(Self { node, node_modules })
    }

    /// Binaryen's optimiser. It is a Node script, so it needs [`Tools::path`].
    #[must_use]
    pub fn wasm_opt(&self) -> PathBuf {
        self.node_modules.join("binaryen/bin/wasm-opt")
    }

    /// The native esbuild program.
    #[must_use]
    pub fn esbuild(&self) -> PathBuf {
        self.node_modules.join("@esbuild").join(node::platform()).join("bin/esbuild")
    }

    /// Wrangler's JavaScript entry, which [`Tools::node`] runs.
    #[must_use]
    pub fn wrangler(&self) -> PathBuf {
        self.node_modules.join("wrangler/bin/wrangler.js")
    }

    /// `PATH` with our Node first.
    pub fn path(&self) -> Result<OsString> {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let node = self.node.parent().map(PathBuf::from);
        Ok(std::env::join_paths(node.into_iter().chain(std::env::split_paths(&own)))?)
    }
}

/// One row of the table of `doctor`.
pub struct Report {
    pub name: &'static str,
    /// Version and path, if installed.
    pub found: Option<(String, String)>,
    /// Whether the demo or the tests need this tool on this system.
    pub needed: bool,
    /// The command that installs the tool.
    pub get: String,
}

/// The row for a program from a system package.
fn program_report(name: &'static str, path: Option<PathBuf>, package: &Package) -> Report {
    let found = path.and_then(|path| Some((version_of(&path)?, path.display().to_string())));
    Report { name, found, needed: true, get: system::install_line(package) }
}

/// Whether `version` is at least `minimum`, comparing dotted numbers.
#[must_use]
pub fn at_least(version: &str, minimum: &str) -> bool {
    numbers(version) >= numbers(minimum)
}

/// The dotted numbers of the first word with a version, as in `v20.1.2` and `cargo 1.96.0 (…)`.
#[must_use]
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

/// The first line of `PROGRAM --version`.
#[must_use]
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
