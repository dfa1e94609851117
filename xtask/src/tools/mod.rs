//! Tool setup: finds what the build and the tests need, and installs what is missing.
//!
//! Versions are pinned in three places that their owners read: `tools.toml` (what nobody else pins),
//! `package-lock.json` (npm) and `Cargo.lock`. Tools go into the user's cache folder, never into `target/`.

pub mod browser;
pub mod cargo_tools;
pub mod cross;
pub mod emulator;
pub mod lighthouse;
mod modules;
pub mod nightly;
pub mod node;
pub mod npm;
pub mod nspawn;
pub mod python;
mod rustup;
pub mod shell;
pub mod wasm_target;

use std::{ffi::OsString, io::IsTerminal, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{paths, ui};

/// The pinned versions, as in `tools.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pins {
    /// Fetched where the machine's own is older than `node_minimum`.
    pub node: String,
    /// The oldest Node that wrangler runs on.
    pub node_minimum: String,
    /// Equals the crate in Cargo.lock.
    pub wasm_bindgen: String,
    /// Equals the crate `worker` in Cargo.lock.
    pub worker_build: String,
    /// Runs the fuzz targets.
    pub cargo_fuzz: String,
    /// Signs and verifies beside us in the end-to-end tests.
    pub pyjwt: String,
    /// What PyJWT's signatures are made with.
    pub cryptography: String,
    /// Seals and opens tokens beside us in the end-to-end tests.
    pub jwcrypto: String,
    /// Tries the edge against its OpenAPI document.
    pub schemathesis: String,
    /// What schemathesis makes its requests with.
    pub hypothesis: String,
    /// Scores the panel.
    pub lighthouse: String,
}

/// What setup works with.
pub struct Setup {
    /// The work tree.
    pub root: PathBuf,
    /// Holds one `NAME-VERSION` folder per tool.
    pub cache: PathBuf,
    /// Which versions.
    pub pins: Pins,
    /// `--yes`, or CI: packages and system folders may be changed without asking.
    pub yes: bool,
}

impl Setup {
    /// Reads the pins; installs nothing yet.
    pub fn new(yes: bool) -> Result<Self> {
        let root = paths::root();
        let file = root.join("tools.toml");
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pins = toml::from_str(&text).with_context(|| format!("{} is wrong", file.display()))?;
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Ok(Self { root, cache: paths::tool_cache()?, pins, yes: yes || ci })
    }

    /// Permission to run commands that change the system. Without `--yes` a terminal is asked; where there is
    /// none, the commands are shown for a person to run.
    pub fn permit(&self, purpose: &str, commands: &[String]) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        ui::say(&format!("{purpose} needs:"));
        for command in commands {
            ui::say(&format!("    {command}"));
        }
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            eprint!("Run this now? [y/N] ");
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer)?;
            if matches!(answer.trim(), "y" | "Y" | "yes") {
                return Ok(());
            }
        }
        bail!("{purpose}: run the commands above, or repeat with --yes")
    }

    /// Installs Debian packages, after permission.
    pub fn apt_install(&self, purpose: &str, packages: &[&str]) -> Result<()> {
        if paths::on_path("apt-get").is_none() {
            bail!("{purpose}: please install {}", packages.join(", "));
        }
        self.permit(purpose, &[apt_line(packages)])?;
        crate::process::quietly("apt-get update", as_root("apt-get").args(["update", "-q"]))?;
        let mut install = as_root("apt-get");
        install.args(["install", "-y", "--no-install-recommends"]).args(packages);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        crate::process::quietly(&format!("installing {}", packages.join(" ")), &mut install)
    }
}

/// The command a person would type to install packages.
#[must_use]
pub fn apt_line(packages: &[&str]) -> String {
    format!("{}apt-get install -y --no-install-recommends {}", sudo_prefix(), packages.join(" "))
}

/// A command run as root: through sudo unless we are root already.
#[must_use]
pub fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

/// How [`as_root`] reads when printed.
#[must_use]
pub fn sudo_prefix() -> &'static str {
    if rustix::process::geteuid().is_root() { "" } else { "sudo " }
}

/// Everything that a build needs, found.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Which Rust toolchain compiles to wasm32.
    pub wasm: wasm_target::WasmToolchain,
    /// Node, new enough for wrangler.
    pub node: PathBuf,
    /// `node_modules` of the work tree, as the lock file says.
    pub node_modules: PathBuf,
    /// Builds the Worker.
    pub worker_build: PathBuf,
    /// Of the same version as the crate.
    pub wasm_bindgen: PathBuf,
}

impl Tools {
    /// Finds all of them, installing what is missing.
    pub fn ensure(setup: &Setup) -> Result<Self> {
        Ok(Self {
            wasm: wasm_target::ensure(setup)?,
            node: node::ensure(setup)?,
            node_modules: npm::ensure(setup)?,
            worker_build: cargo_tools::WORKER_BUILD.ensure(setup)?,
            wasm_bindgen: cargo_tools::WASM_BINDGEN.ensure(setup)?,
        })
    }

    /// Binaryen's optimiser (a Node script: it needs [`Tools::path`]).
    #[must_use]
    pub fn wasm_opt(&self) -> PathBuf {
        self.node_modules.join("binaryen/bin/wasm-opt")
    }

    /// The native esbuild.
    #[must_use]
    pub fn esbuild(&self) -> PathBuf {
        self.node_modules.join("@esbuild").join(node::platform()).join("bin/esbuild")
    }

    /// Wrangler's JavaScript entry, for [`Tools::node`].
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

/// What `doctor` says about one tool.
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// Version and place, if it is there.
    pub found: Option<(String, String)>,
    /// Whether the demo and the tests can do without.
    pub needed: bool,
    /// What gets it.
    pub get: String,
}

/// Whether `version` is at least `minimum`, comparing dotted numbers.
#[must_use]
pub fn at_least(version: &str, minimum: &str) -> bool {
    numbers(version) >= numbers(minimum)
}

/// The dotted numbers of the first word that has some: `v20.1.2` and `cargo 1.96.0 (…)` alike.
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

/// What `PROGRAM --version` prints, first line.
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

    #[test]
    fn the_pins_agree_with_cargo_lock() {
        let setup = Setup::new(false).unwrap();
        let lock = std::fs::read_to_string(setup.root.join("Cargo.lock")).unwrap();
        let locked =
            |name: &str, version: &str| lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\""));
        assert!(locked("wasm-bindgen", &setup.pins.wasm_bindgen));
        assert!(locked("worker", &setup.pins.worker_build));
    }
}
