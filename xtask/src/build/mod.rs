//! Building the Worker, the panel and the native programs; silent and quick when nothing changed.

pub mod edge;
pub mod native;
pub mod panel;
pub mod stamp;

use anyhow::Result;

use crate::tools::{Setup, Tools};

/// What to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The Worker, into `edge-worker/build`.
    Edge,
    /// The panel, into `target/panel-dist`.
    Panel,
    /// `pinlatch` and `pinlatch-agent` for this machine.
    Native,
    /// All three.
    All,
}

/// How the wasm parts are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As they are deployed.
    Release,
    /// For work in progress: quick to compile, large, slow.
    Quick,
}

impl Mode {
    /// `quick` or not, as the arguments say.
    #[must_use]
    pub fn quick(quick: bool) -> Self {
        if quick { Self::Quick } else { Self::Release }
    }

    fn profile(self, release: &'static str) -> &'static str {
        match self {
            Self::Release => release,
            Self::Quick => "quick",
        }
    }
}

/// Builds the named parts, installing the tools they need.
pub fn run(setup: &Setup, parts: &[Part], mode: Mode) -> Result<()> {
    let wants = |part| parts.is_empty() || parts.contains(&Part::All) || parts.contains(&part);
    if wants(Part::Edge) || wants(Part::Panel) {
        let tools = Tools::ensure(setup)?;
        if wants(Part::Edge) {
            edge::build(&tools, mode)?;
        }
        if wants(Part::Panel) {
            panel::build(&tools, mode)?;
        }
    }
    if wants(Part::Native) {
        native::build(native::Profile::Dev)?;
    }
    Ok(())
}
