//! Implements `cargo xtask dist`, which builds packages and archives for users, with checksums, in `target/dist`.
//!
//! Builds of the packages are reproducible. File times are the time of the commit, root owns each file, and file names
//! are sorted. Programs do not contain paths of the build machine.

mod contents;
mod package;

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    build::{
        Mode,
        device::{self, Program},
    },
    paths, process,
    tools::{Setup, cross::Machine},
    ui,
};

pub use contents::{agent, command_line};
pub use package::Package;

/// The machine types for which the command line is packaged. Owners use larger computers than armhf devices.
const OWNERS_MACHINES: [Machine; 2] = [Machine::Amd64, Machine::Arm64];

/// Builds the packages for the given machine types, or for all machine types if none is given.
pub fn run(setup: &Setup, machines: &[Machine], mode: Mode) -> Result<()> {
    let time = source_date()?;
    let folder = paths::target().join("dist");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let all = [Machine::Amd64, Machine::Arm64, Machine::Armhf];
    let version = env!("CARGO_PKG_VERSION");
    for machine in if machines.is_empty() { &all } else { machines } {
        let program = device::build(setup, Program::Agent, *machine, mode)?;
        write(&folder, &agent(*machine, version, &read(&program)?)?, time)?;
        if OWNERS_MACHINES.contains(machine) {
            let program = device::build(setup, Program::CommandLine, *machine, mode)?;
            write(&folder, &command_line(*machine, version, &read(&program)?)?, time)?;
        }
    }
    write_checksums(&folder)
}

fn write(folder: &Path, package: &Package, time: u64) -> Result<()> {
    for (name, bytes) in
        [(package.deb_name(), package.deb(time)?), (package.tarball_name(), package.tarball(time)?)]
    {
        let file = folder.join(name);
        fs::write(&file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
        ui::say(&format!("  {} ({} KiB)", file.display(), bytes.len() / 1024));
    }
    Ok(())
}

/// Writes the file SHA256SUMS, which `sha256sum -c SHA256SUMS` checks.
fn write_checksums(folder: &Path) -> Result<()> {
    let mut names: Vec<_> = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    let mut sums = String::new();
    for entry in names {
        let digest = Sha256::digest(read(&entry.path())?);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{hex}  {}\n", entry.file_name().to_string_lossy()));
    }
    let file = folder.join("SHA256SUMS");
    fs::write(&file, sums).with_context(|| format!("cannot write {}", file.display()))
}

/// Returns the time that all files in the packages get, in Unix seconds. The time is `SOURCE_DATE_EPOCH`, or the time
/// of the commit.
fn source_date() -> Result<u64> {
    if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
        return text.parse().context("SOURCE_DATE_EPOCH is not a number of seconds");
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(paths::root());
    let said = process::output_of(&mut git)
        .context("cannot read the commit's time; without git, set SOURCE_DATE_EPOCH")?;
    said.parse().context("git did not print a time")
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
