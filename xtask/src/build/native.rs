//! The native programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{paths, process};

/// How they are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to compile: demo and tests.
    Dev,
    /// As users get them: measurements.
    Release,
}

/// The built programs.
#[derive(Debug, Clone)]
pub struct Native {
    /// The owner's command line.
    pub pinlatch: PathBuf,
    /// The device's daemon.
    pub agent: PathBuf,
}

/// Writes a program without debug information and symbols.
pub fn strip(program: &Path, out: &Path) -> Result<()> {
    process::output_of(Command::new("strip").arg("-o").arg(out).arg(program))?;
    Ok(())
}

/// Builds `pinlatch` and `pinlatch-agent`.
pub fn build(profile: Profile) -> Result<Native> {
    let mut cargo = process::cargo(&paths::root());
    cargo.args(["build", "-p", "pinlatch", "-p", "pinlatch-agent", "--bins"]);
    let (title, folder) = match profile {
        Profile::Dev => ("compiling pinlatch and pinlatch-agent", "debug"),
        Profile::Release => ("compiling pinlatch and pinlatch-agent (release)", "release"),
    };
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    process::quietly(title, &mut cargo)?;
    let folder = paths::target().join(folder);
    Ok(Native { pinlatch: folder.join("pinlatch"), agent: folder.join("pinlatch-agent") })
}
