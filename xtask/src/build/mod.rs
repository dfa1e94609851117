//! Building the Worker, the panel and the native programs; silent and quick when nothing changed.

pub mod device;
pub mod edge;
pub mod native;
pub mod panel;
pub mod stamp;

use anyhow::Result;

use crate::tools::{Setup, Tools, cross::Machine};

/// What to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The Worker, into `edge-worker/build`.
    Edge,
    /// The panel, into `target/panel-dist`.
    Panel,
    /// `pinlatch` and `pinlatch-agent` for this machine.
    Native,
    /// Worker, panel and native programs.
    All,
    /// `pinlatch-agent` as one static program for a device (`--target`).
    Agent,
}

/// How the wasm parts and the device's agent are built.
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
pub fn run(setup: &Setup, parts: &[Part], mode: Mode, device: Machine) -> Result<()> {
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
    if parts.contains(&Part::Agent) {
        println!("{}", device::build(setup, device::Program::Agent, device, mode)?.display());
    }
    Ok(())
}
