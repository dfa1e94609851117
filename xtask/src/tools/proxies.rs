//! Finds the reverse proxies nginx and Caddy, which the end-to-end tests run in front of the edge.
//!
//! Debian's packages are unpacked into the cache folder and not installed, because an installed package would start its
//! server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::apt::SeparateApt;
use super::report::Report;
use super::setup::Setup;
use crate::{paths, process};

/// The file that marks a complete folder. The file contains the names of the packages.
const COMPLETE: &str = "packages";

/// The paths of the programs.
#[derive(Debug, Clone)]
pub struct Proxies {
    pub nginx: PathBuf,
    pub caddy: PathBuf,
}

/// Returns an error with the reason if the packages are not available on this system.
pub fn wanted() -> Result<()> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if system.lines().any(|line| line == "ID=debian") && paths::on_path("apt-get").is_some() {
        return Ok(());
    }
    bail!("the tests with nginx and Caddy need Debian's packages, and this system is not Debian");
}

/// Downloads the proxies if they are missing.
pub fn ensure(setup: &Setup) -> Result<Proxies> {
    wanted()?;
    let home = home(setup);
    if !home.join(COMPLETE).is_file() {
        setup.make_folder(&home, fetch)?;
    }
    Ok(Proxies { nginx: home.join("nginx"), caddy: home.join("caddy") })
}

fn home(setup: &Setup) -> PathBuf {
    setup.cache.join("proxies-1")
}

fn fetch(made: &Path) -> Result<()> {
    let work = tempfile::tempdir_in(made)?;
    let architecture = process::output_of(Command::new("dpkg").arg("--print-architecture"))?;
    let apt = SeparateApt::new(work.path(), architecture.trim())?;
    apt.update()?;
    for (package, program) in [("nginx", "usr/sbin/nginx"), ("caddy", "usr/bin/caddy")] {
        let from = apt.unpack(package)?.join(program);
        fs::copy(&from, made.join(package)).with_context(|| format!("{package} contains no {program}"))?;
    }
    Ok(fs::write(made.join(COMPLETE), "nginx, caddy")?)
}

/// Returns the row of the proxies in the table of `cargo xtask doctor`.
pub fn report(setup: &Setup) -> Report {
    let home = home(setup);
    let packages = fs::read_to_string(home.join(COMPLETE)).ok();
    Report {
        name: "reverse proxies",
        found: packages.map(|packages| (packages, home.display().to_string())),
        needed: wanted().is_ok(),
        get: "cargo xtask test downloads them".into(),
    }
}
