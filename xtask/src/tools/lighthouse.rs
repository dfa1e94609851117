//! Lighthouse, which scores a web page. Only a benchmark uses it.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{Setup, npm};

/// Finds Lighthouse's Node program, or installs it into the cache folder.
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
