//! Finds the tools for builds and tests, and installs missing tools.
//!
//! Most versions of tools are pinned in `Cargo.lock` or `package-lock.json`, which the tool's package manager reads.
//! All other versions are pinned in `tools.toml`. Tools are installed into the user's cache folder and not into
//! `target/`, so that `cargo clean` does not delete the tools.

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
use crate::{paths, together::both, ui};

/// The pinned versions, as written in `tools.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pins {
    /// The version of Node that is installed if the machine's own Node is older than `node_minimum`.
    pub node: String,
    /// The oldest version of Node on which wrangler runs.
    pub node_minimum: String,
    /// The version of cargo-fuzz, which runs the fuzz targets.
    pub cargo_fuzz: String,
    /// The version of PyJWT, which signs and verifies tokens in the interoperability tests.
    pub pyjwt: String,
    /// The version of the cryptography library that PyJWT uses.
    pub cryptography: String,
    /// The version of jwcrypto, which encrypts and decrypts tokens in the interoperability tests.
    pub jwcrypto: String,
    /// The version of schemathesis, which compares the edge with its OpenAPI document.
    pub schemathesis: String,
    /// The version of hypothesis, which generates the requests of schemathesis.
    pub hypothesis: String,
    /// The version of Lighthouse, which computes scores for the panel's pages.
    pub lighthouse: String,
}

/// The settings for finding and installing tools.
pub struct Setup {
    /// The cache folder, which contains one `NAME-VERSION` folder for each tool.
    pub cache: PathBuf,
    pub pins: Pins,
    /// The permission to change system packages and system folders.
    pub consent: Consent,
}

impl Setup {
    /// Reads the pinned versions. This function installs nothing.
    pub fn new(consent: Consent) -> Result<Self> {
        let file = paths::root().join("tools.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pins = toml::from_str(&text).with_context(|| format!("{} is invalid", file.display()))?;
        let consent = if ui::is_ci() && consent == Consent::Ask { Consent::Given } else { consent };
        Ok(Self { cache: paths::tool_cache()?, pins, consent })
    }

    /// Creates a folder in the cache atomically. `fill` writes the content into a temporary folder, which then replaces
    /// `home`.
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

/// The tools that are installed from npm.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The path of a Node program that is new enough for wrangler.
    pub node: PathBuf,
    /// The folder `node_modules` of the work tree, with the locked versions.
    pub node_modules: PathBuf,
}

impl Tools {
    /// Installs missing tools. [`npm::PACKAGE`] must be installed.
    pub fn ensure(setup: &Setup) -> Result<Self> {
        let (node, node_modules) = both(|| node::ensure(setup), npm::ensure)?;
        Ok(Self { node, node_modules })
    }

    /// Returns the path of Binaryen's optimiser. The optimiser is a Node script, so the caller must
    /// set `PATH` to [`Tools::path`].
    pub fn wasm_opt(&self) -> PathBuf {
        self.node_modules.join("binaryen/bin/wasm-opt")
    }

    pub fn esbuild(&self) -> PathBuf {
        self.node_modules.join("@esbuild").join(node::platform()).join("bin/esbuild")
    }

    /// Returns the path of wrangler's JavaScript entry script. [`Tools::node`] runs this script.
    pub fn wrangler(&self) -> PathBuf {
        self.node_modules.join("wrangler/bin/wrangler.js")
    }

    /// Returns a value for `PATH` in which the folder of our Node is first.
    pub fn path(&self) -> Result<OsString> {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let node = self.node.parent().map(PathBuf::from);
        Ok(std::env::join_paths(node.into_iter().chain(std::env::split_paths(&own)))?)
    }
}

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
fn program_report(name: &'static str, path: Option<PathBuf>, package: &Package) -> Report {
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
