//! Builds a program for another type of machine as one static file.

use std::path::PathBuf;

use anyhow::Result;

use super::mode::Mode;
use crate::{
    paths, process,
    tools::{
        Setup,
        cross::{self, Machine},
    },
};

/// A program that is built for another type of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The agent, which is the daemon on a device.
    Agent,
    CommandLine,
    /// The benchmark of the agent's GPIO driver on an emulated board.
    GpioBenchmark,
}

impl Program {
    fn package(self) -> &'static str {
        match self {
            Self::Agent | Self::GpioBenchmark => "pinlatch-agent",
            Self::CommandLine => "pinlatch",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Agent | Self::CommandLine => self.package(),
            Self::GpioBenchmark => "bench-gpio",
        }
    }
}

/// Builds a program for a type of machine and returns the path of the program. The mode `Quick` makes a development
/// build, which compiles fast.
pub fn build(setup: &Setup, program: Program, machine: Machine, mode: Mode) -> Result<PathBuf> {
    let cross = cross::ensure(setup, machine)?;
    let profile = match mode {
        Mode::Release => "release",
        Mode::Quick => "emulated",
    };
    let name = program.name();
    let mut cargo = cross.cargo_build()?;
    cargo.args(["-p", program.package(), "--bin", name, "--profile", profile]);
    if program == Program::GpioBenchmark {
        cargo.args(["--features", "bench"]);
    }
    // The symbols are not stripped through Cargo.toml, because wasm-bindgen needs the symbols of the wasm modules.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("CARGO_PROFILE_EMULATED_STRIP", "symbols");
    process::quietly(&format!("building {name} for {} (profile {profile})", machine.name()), &mut cargo)?;
    Ok(paths::target().join(cross.triple()).join(profile).join(name))
}
