//! Finds or installs nightly Rust, a C++ compiler and cargo-fuzz, which `cargo xtask fuzz` needs. Only nightly Rust has
//! the sanitizers. The C++ compiler is needed for libFuzzer, which is compiled from C++ source.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, bail};

use super::report::{Report, numbers, version_of};
use super::setup::Setup;
use super::system::Package;
use crate::{paths, process};

/// The name of the toolchain in rustup.
pub const NIGHTLY: &str = "nightly";
const INSTALL: [&str; 5] = ["toolchain", "install", NIGHTLY, "--profile", "minimal"];

const CXX: Package = Package {
    present: |_| has_cxx(),
    fedora: "gcc-c++",
    arch: "gcc",
    homebrew: "gcc",
    ..Package::program("g++")
};

/// Finds or installs nightly Rust, a C++ compiler and cargo-fuzz. Returns the path of cargo-fuzz.
pub fn ensure(setup: &Setup) -> Result<PathBuf> {
    setup.ensure_packages("fuzzing (libFuzzer is C++)", &[&CXX])?;
    if version().is_none() {
        if paths::on_path("rustup").is_none() {
            bail!("fuzzing needs nightly Rust; install rustup (https://rustup.rs) and try again");
        }
        process::quietly("installing nightly Rust (network)", Command::new("rustup").args(INSTALL))?;
        if version().is_none() {
            bail!("nightly Rust was installed but does not run");
        }
    }
    cargo_fuzz(setup)
}

/// Returns whether a C++ compiler is installed that the crate `cc` can find.
fn has_cxx() -> bool {
    std::env::var_os("CXX").is_some()
        || ["c++", "g++", "clang++"].iter().any(|name| paths::on_path(name).is_some())
}

/// Returns the version of nightly Rust. The command `rustup run` installs nothing.
fn version() -> Option<String> {
    let mut rustc = Command::new("rustup");
    rustc.args(["run", NIGHTLY, "rustc", "--version"]);
    process::clean_cargo_env(&mut rustc);
    process::output_of(&mut rustc).ok()
}

/// Finds or compiles exactly the pinned version of cargo-fuzz.
fn cargo_fuzz(setup: &Setup) -> Result<PathBuf> {
    if let Some(found) = find_cargo_fuzz(setup) {
        return Ok(found);
    }
    let build = setup.cache.join("build-cargo-fuzz");
    std::fs::create_dir_all(&setup.cache)?;
    let mut cargo = process::cargo();
    cargo.current_dir(&setup.cache);
    cargo.args([
        "install",
        "--debug",
        "--locked",
        "cargo-fuzz",
        "--version",
        &setup.pins.cargo_fuzz,
        "--root",
    ]);
    cargo.arg(cargo_fuzz_home(setup)).env("CARGO_TARGET_DIR", &build);
    process::quietly("compiling cargo-fuzz (once)", &mut cargo)?;
    let _ = std::fs::remove_dir_all(build);
    match find_cargo_fuzz(setup) {
        Some(found) => Ok(found),
        None => bail!("cargo-fuzz was installed but does not run"),
    }
}

fn find_cargo_fuzz(setup: &Setup) -> Option<PathBuf> {
    let candidates = [Some(cargo_fuzz_home(setup).join("bin/cargo-fuzz")), paths::on_path("cargo-fuzz")];
    let pinned = numbers(&setup.pins.cargo_fuzz);
    candidates
        .into_iter()
        .flatten()
        .find(|tool| version_of(tool).is_some_and(|found| numbers(&found) == pinned))
}

fn cargo_fuzz_home(setup: &Setup) -> PathBuf {
    setup.cache.join(format!("cargo-fuzz-{}", setup.pins.cargo_fuzz))
}

/// Returns the rows for nightly Rust and cargo-fuzz in the table of `cargo xtask doctor`.
pub fn reports(setup: &Setup) -> [Report; 2] {
    let nightly = version().map(|version| (version, format!("rustup's toolchain `{NIGHTLY}`")));
    let fuzz = find_cargo_fuzz(setup).and_then(|tool| Some((version_of(&tool)?, tool.display().to_string())));
    [
        Report {
            name: "nightly Rust",
            found: nightly,
            needed: false,
            get: format!("rustup {}", INSTALL.join(" ")),
        },
        Report { name: "cargo-fuzz", found: fuzz, needed: false, get: "cargo xtask fuzz compiles it".into() },
    ]
}
