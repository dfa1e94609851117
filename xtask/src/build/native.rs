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

/// The programs built.
#[derive(Debug, Clone)]
pub struct Native {
    /// The owner's command line.
    pub pinlatch: PathBuf,
    /// The device's daemon.
    pub agent: PathBuf,
}

/// Writes a program without what only debuggers read.
pub fn strip(program: &Path, out: &Path) -> Result<()> {
    process::output_of(Command::new("strip").arg("-o").arg(out).arg(program))?;
    Ok(())
}

/// Builds `pinlatch` and `pinlatch-agent`.
pub fn build(profile: Profile) -> Result<Native> {
    let mut cargo = process::cargo(&paths::root());
    cargo.args(["build", "-p", "pinlatch", "-p", "pinlatch-agent", "--bins"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    let title = match profile {
        Profile::Dev => "building pinlatch and pinlatch-agent",
        Profile::Release => "building pinlatch and pinlatch-agent (release)",
    };
    process::quietly(title, &mut cargo)?;
    let folder = paths::target().join(match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    });
    Ok(Native { pinlatch: folder.join("pinlatch"), agent: folder.join("pinlatch-agent") })
}
