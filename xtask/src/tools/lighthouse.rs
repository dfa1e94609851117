//! Installs Lighthouse, which computes scores for a web page. Only one benchmark uses Lighthouse.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::npm;
use super::setup::Setup;

/// Finds the Node program of Lighthouse, or installs Lighthouse into the cache folder.
pub fn ensure(setup: &Setup) -> Result<PathBuf> {
    let version = &setup.pins.lighthouse;
    let dir = setup.cache.join(format!("lighthouse-{version}"));
    let program = dir.join("node_modules/lighthouse/cli/index.js");
    if program.exists() {
        return Ok(program);
    }
    setup.ensure_packages("Lighthouse", &[&npm::PACKAGE])?;
    npm::install_alone(&dir, &format!("lighthouse@{version}"))?;
    if !program.exists() {
        bail!("lighthouse {version} was installed, but {} does not exist", program.display());
    }
    Ok(program)
}
