//! Builds the native programs `pinlatch` and `pinlatch-agent`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::Result;

use crate::{paths, process};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A build that compiles fast, for the demo and tests.
    Dev,
    /// An optimised build, as users install the programs. Measurements use this build.
    Release,
}

/// The paths of the built programs.
#[derive(Debug, Clone)]
pub struct Native {
    pub pinlatch: PathBuf,
    /// The agent, which is the daemon on a device.
    pub agent: PathBuf,
}

/// The lock that allows only one cargo process at a time. If a step waited for cargo's own lock, the reported time of
/// the step would include the waiting time.
static BUILD_FOLDER: Mutex<()> = Mutex::new(());

/// Runs cargo in the build folder for this machine. Only one cargo process runs at a time.
pub fn cargo(title: &str, cargo: &mut Command) -> Result<()> {
    let _one = BUILD_FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
    process::quietly(title, cargo)
}

/// Writes a copy of a program without debug information and without symbols.
pub fn strip(program: &Path, out: &Path) -> Result<()> {
    process::output_of(Command::new("strip").arg("-o").arg(out).arg(program))?;
    Ok(())
}

/// Builds `pinlatch` and `pinlatch-agent`.
pub fn build(profile: Profile) -> Result<Native> {
    let mut command = process::cargo();
    command.args(["build", "-p", "pinlatch", "-p", "pinlatch-agent", "--bins"]);
    let (title, folder) = match profile {
        Profile::Dev => ("compiling pinlatch and pinlatch-agent", "debug"),
        Profile::Release => ("compiling pinlatch and pinlatch-agent (release)", "release"),
    };
    if profile == Profile::Release {
        command.arg("--release");
    }
    cargo(title, &mut command)?;
    let folder = paths::target().join(folder);
    Ok(Native { pinlatch: folder.join("pinlatch"), agent: folder.join("pinlatch-agent") })
}
