//! Finds Chromium and chromedriver, which the end-to-end tests need.

use std::{net::ToSocketAddrs, path::PathBuf};

use anyhow::{Context, Result};

use super::report::{Report, program_report};
use super::system::Package;
use crate::paths;

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVER: &str = "chromedriver";

/// The package of the browser and its driver. Both programs come from the same package source, so that their versions
/// match.
pub const PACKAGE: Package = Package {
    debian: "chromium chromium-driver",
    fedora: "chromium chromedriver",
    homebrew: "--cask chromium chromedriver",
    present: |_| find().is_some(),
    ..Package::program("chromium")
};

/// The package that makes the host name `localhost` known. chromedriver connects to the browser at `localhost`, but
/// some minimal systems cannot resolve this name.
pub const LOCALHOST: Package = Package {
    debian: "netbase",
    present: |_| ("localhost", 0).to_socket_addrs().is_ok(),
    ..Package::program("localhost in /etc/hosts")
};

#[derive(Debug, Clone)]
pub struct Browser {
    pub chromium: PathBuf,
    /// The path of chromedriver, which has the same major version as the browser.
    pub driver: PathBuf,
}

/// Finds the browser and its driver. [`PACKAGE`] must be installed.
pub fn installed() -> Result<Browser> {
    find().context("neither Chromium nor Chrome with chromedriver is on PATH")
}

fn find() -> Option<Browser> {
    Some(Browser { chromium: chromium()?, driver: paths::on_path(DRIVER)? })
}

fn chromium() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|name| paths::on_path(name))
}

/// Returns the rows for the browser and its driver in the table of `cargo xtask doctor`.
pub fn reports() -> [Report; 2] {
    [
        program_report("chromium", chromium(), &PACKAGE),
        program_report(DRIVER, paths::on_path(DRIVER), &PACKAGE),
    ]
}
