//! Finds or installs Node, which runs wrangler, wasm-opt and some tests. If the machine's Node is too old, Node is
//! installed from npm. The npm package is `node-PLATFORM`. The npm package `node` contains no binary, and npm 11 does
//! not run the script that downloads the binary.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::npm;
use super::report::{Report, at_least, version_of};
use super::setup::Setup;
use crate::paths;

/// Returns the name of this platform in npm packages.
pub fn platform() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    format!("{os}-{arch}")
}

/// Finds Node, or installs Node into the cache folder.
pub fn ensure(setup: &Setup) -> Result<PathBuf> {
    if let Some(node) = find(setup) {
        return Ok(node);
    }
    let dir = folder(setup);
    npm::install_alone(&dir, &package(setup))?;
    match find(setup) {
        Some(node) => Ok(node),
        None => bail!("{} was installed but does not run", package(setup)),
    }
}

/// Returns the path of an installed Node that is new enough.
fn find(setup: &Setup) -> Option<PathBuf> {
    let cached = folder(setup).join(format!("node_modules/node-{}/bin/node", platform()));
    // Node is in the cache only if the machine's Node is too old. Therefore the machine's Node is not checked again.
    if paths::is_executable(&cached) {
        return Some(cached);
    }
    let own = paths::on_path("node")?;
    at_least(&version_of(&own)?, &setup.pins.node_minimum).then_some(own)
}

fn folder(setup: &Setup) -> PathBuf {
    setup.cache.join(format!("node-{}", setup.pins.node))
}

fn package(setup: &Setup) -> String {
    format!("node-{}@{}", platform(), setup.pins.node)
}

/// Returns the row for Node in the table of `cargo xtask doctor`.
pub fn report(setup: &Setup) -> Report {
    let found = find(setup).and_then(|node| Some((version_of(&node)?, node.display().to_string())));
    let get = format!("npm install --prefix {} {}", folder(setup).display(), package(setup));
    Report { name: "node", found, needed: true, get }
}
