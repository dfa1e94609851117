//! Chromium and its driver, for the end-to-end tests only.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{Report, Setup, apt_line, version_of};
use crate::paths;

/// Debian's packages.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVER: &str = "chromedriver";

/// A browser and the program that drives it.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Chromium or Chrome.
    pub chromium: PathBuf,
    /// Of the same major version, by the same packager.
    pub driver: PathBuf,
}

/// Finds both, or installs Debian's packages after permission.
pub fn ensure(setup: &Setup) -> Result<Browser> {
    if let Some(browser) = find() {
        return Ok(browser);
    }
    setup.apt_install("the browser tests", &PACKAGES)?;
    match find() {
        Some(browser) => Ok(browser),
        None => bail!("{} are installed but not on PATH", PACKAGES.join(" and ")),
    }
}

fn find() -> Option<Browser> {
    let chromium = BROWSERS.iter().find_map(|name| paths::on_path(name))?;
    Some(Browser { chromium, driver: paths::on_path(DRIVER)? })
}

/// For `doctor`: two rows.
#[must_use]
pub fn reports() -> [Report; 2] {
    let report = |name, path: Option<PathBuf>| Report {
        name,
        found: path.and_then(|path| Some((version_of(&path)?, path.display().to_string()))),
        needed: true,
        get: apt_line(&PACKAGES),
    };
    [
        report("chromium", BROWSERS.iter().find_map(|name| paths::on_path(name))),
        report(DRIVER, paths::on_path(DRIVER)),
    ]
}
