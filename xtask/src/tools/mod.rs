//! Finds the tools for builds and tests, and installs missing tools.
//!
//! Most versions of tools are pinned in `Cargo.lock` or `package-lock.json`, which the tool's package manager reads.
//! All other versions are pinned in `tools.toml`. Tools are installed into the user's cache folder and not into
//! `target/`, so that `cargo clean` does not delete the tools.

mod apt;
pub mod browser;
pub mod cross;
pub mod emulator;
mod find;
pub mod lighthouse;
mod modules;
pub mod nightly;
pub mod node;
pub mod npm;
pub mod nspawn;
pub mod proxies;
pub mod python;
mod report;
pub mod rust_target;
mod setup;
pub mod shell;
pub mod system;

use std::{ffi::OsString, path::PathBuf};

use anyhow::Result;

pub use self::report::{Report, numbers, version_of};
pub use self::setup::{Consent, Setup};
use crate::together::both;

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
