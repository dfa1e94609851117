//! Defines the parts and the modes of a build.

use std::path::PathBuf;

use crate::paths;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Builds the Worker into `edge-worker/build`.
    Edge,
    /// Builds the panel into `target/panel-dist`.
    Panel,
    /// Builds the programs `pinlatch` and `pinlatch-agent` for this machine.
    Native,
    /// Builds the Worker, the panel and the native programs.
    All,
    /// Builds `pinlatch-agent` as one static program for a device (option `--target`).
    Agent,
}

/// The mode in which the Worker, the panel and the device's agent are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A build with the optimisations of a deployment.
    Release,
    /// A build that compiles fast, for the demo, tests and development. The output folders of this build are never
    /// deployed.
    Quick,
}

impl Mode {
    /// Returns the mode for the value of the option `--release`.
    pub fn release(release: bool) -> Self {
        if release { Self::Release } else { Self::Quick }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Quick => "quick",
        }
    }

    /// Returns the folder of the built Worker, which contains `index.js` and the wasm module.
    pub fn edge_dist(self) -> PathBuf {
        match self {
            Self::Release => paths::root().join("edge-worker/build"),
            Self::Quick => paths::target().join("quick-dist/edge"),
        }
    }

    /// Returns the folder of the built panel, whose files are served as static assets.
    pub fn panel_dist(self) -> PathBuf {
        match self {
            // This path does not use `target()`, because wrangler.toml contains the path and cannot read
            // CARGO_TARGET_DIR.
            Self::Release => paths::root().join("target/panel-dist"),
            Self::Quick => paths::target().join("quick-dist/panel"),
        }
    }

    pub(super) fn profile(self, release: &'static str) -> &'static str {
        match self {
            Self::Release => release,
            Self::Quick => "quick",
        }
    }

    pub(super) fn named(self, step: &str) -> String {
        format!("{step}-{}", self.name()).replace(' ', "-")
    }
}
