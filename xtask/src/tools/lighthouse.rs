//! Lighthouse, which scores a page. Only for a benchmark.

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
        bail!("lighthouse {version} was installed, but {} is not there", program.display());
    }
    Ok(program)
}
