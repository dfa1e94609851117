//! Lighthouse, which scores a page, for a benchmark alone.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{Setup, npm};
use crate::process;

/// Finds Lighthouse's program for Node, or installs it into the cache folder.
pub fn ensure(setup: &Setup) -> Result<PathBuf> {
    let version = &setup.pins.lighthouse;
    let dir = setup.cache.join(format!("lighthouse-{version}"));
    let program = dir.join("node_modules/lighthouse/cli/index.js");
    if program.exists() {
        return Ok(program);
    }
    setup.ensure_packages("Lighthouse", &[&npm::PACKAGE])?;
    std::fs::create_dir_all(&dir)?;
    let mut npm = std::process::Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&dir);
    npm.arg(format!("lighthouse@{version}"));
    process::quietly(&format!("installing lighthouse {version} (network)"), &mut npm)?;
    if !program.exists() {
        bail!("lighthouse {version} was installed, but {} is not there", program.display());
    }
    Ok(program)
}
