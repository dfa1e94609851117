//! The agent as one static program for the machine that a device is.

use std::path::PathBuf;

use anyhow::Result;

use super::Mode;
use crate::{
    paths, process,
    tools::{
        Setup,
        cross::{self, Machine},
    },
};

/// Builds `pinlatch-agent` for a machine; where it lies. `Quick` is release code that compiles in pieces.
pub fn build(setup: &Setup, machine: Machine, mode: Mode) -> Result<PathBuf> {
    let cross = cross::ensure(setup, machine)?;
    let profile = match mode {
        Mode::Release => "release",
        Mode::Quick => "emulated",
    };
    let mut cargo = cross.cargo_build()?;
    cargo.args(["-p", "pinlatch-agent", "--bin", "pinlatch-agent", "--profile", profile]);
    process::quietly(
        &format!("building pinlatch-agent for {} (profile {profile})", machine.name()),
        &mut cargo,
    )?;
    Ok(paths::target().join(cross.triple()).join(profile).join("pinlatch-agent"))
}
