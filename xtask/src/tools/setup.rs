//! Defines what the installation of a tool needs to know.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{paths, ui};

/// The pinned versions, as written in `tools.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pins {
    /// The version of Node that is installed if the machine's own Node is older than `node_minimum`.
    pub node: String,
    /// The oldest version of Node on which wrangler runs.
    pub node_minimum: String,
    /// The version of cargo-fuzz, which runs the fuzz targets.
    pub cargo_fuzz: String,
    /// The version of PyJWT, which signs and verifies tokens in the interoperability tests.
    pub pyjwt: String,
    /// The version of the cryptography library that PyJWT uses.
    pub cryptography: String,
    /// The version of jwcrypto, which encrypts and decrypts tokens in the interoperability tests.
    pub jwcrypto: String,
    /// The version of schemathesis, which compares the edge with its OpenAPI document.
    pub schemathesis: String,
    /// The version of hypothesis, which generates the requests of schemathesis.
    pub hypothesis: String,
    /// The version of Lighthouse, which computes scores for the panel's pages.
    pub lighthouse: String,
}

/// The permission to change the system. No permission is needed for tools in `node_modules` and in the cache folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The permission is given by `--yes` or by a run in CI.
    Given,
    /// xtask asks for permission on a terminal. Without a terminal, root needs no permission.
    Ask,
    /// The permission is refused by `--no-install`.
    Refused,
}

/// The settings for finding and installing tools.
pub struct Setup {
    /// The cache folder, which contains one `NAME-VERSION` folder for each tool.
    pub cache: PathBuf,
    pub pins: Pins,
    /// The permission to change system packages and system folders.
    pub consent: Consent,
}

impl Setup {
    /// Reads the pinned versions. This function installs nothing.
    pub fn new(consent: Consent) -> Result<Self> {
        let file = paths::root().join("tools.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pins = toml::from_str(&text).with_context(|| format!("{} is invalid", file.display()))?;
        let consent = if ui::is_ci() && consent == Consent::Ask { Consent::Given } else { consent };
        Ok(Self { cache: paths::tool_cache()?, pins, consent })
    }

    /// Creates a folder in the cache atomically. `fill` writes the content into a temporary folder, which then replaces
    /// `home`.
    pub(super) fn make_folder(&self, home: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        fs::create_dir_all(&self.cache).with_context(|| format!("cannot create {}", self.cache.display()))?;
        let work = tempfile::tempdir_in(&self.cache)?;
        let made = work.path().join("made");
        fs::create_dir(&made)?;
        fill(&made)?;
        let _ = fs::remove_dir_all(home);
        fs::rename(&made, home).with_context(|| format!("cannot create {}", home.display()))
    }
}
