//! Nightly Rust and a C++ compiler, for `cargo xtask fuzz` alone: the sanitizers are not stable, and libFuzzer is
//! compiled from source.

use std::process::Command;

use anyhow::{Result, bail};

use super::{Report, Setup};
use crate::{paths, process};

/// The toolchain's name under rustup.
pub const NIGHTLY: &str = "nightly";
const INSTALL: [&str; 5] = ["toolchain", "install", NIGHTLY, "--profile", "minimal"];
/// What the crate `cc` looks for.
const COMPILERS: [&str; 3] = ["c++", "g++", "clang++"];

/// Finds both, or installs them: the toolchain into the user's home, the compiler after permission.
pub fn ensure(setup: &Setup) -> Result<()> {
    if std::env::var_os("CXX").is_none() && COMPILERS.iter().all(|name| paths::on_path(name).is_none()) {
        setup.apt_install("fuzzing (libFuzzer is C++)", &["g++"])?;
    }
    if version().is_some() {
        return Ok(());
    }
    if paths::on_path("rustup").is_none() {
        bail!("fuzzing needs nightly Rust, and rustup (https://rustup.rs) to choose it");
    }
    process::quietly("installing nightly Rust (static.rust-lang.org)", Command::new("rustup").args(INSTALL))?;
    if version().is_none() {
        bail!("nightly Rust was installed but does not run");
    }
    Ok(())
}

/// Asked through `rustup run`, which installs nothing by itself.
fn version() -> Option<String> {
    let mut rustc = Command::new("rustup");
    rustc.args(["run", NIGHTLY, "rustc", "--version"]);
    process::clean_cargo_env(&mut rustc);
    process::output_of(&mut rustc).ok()
}

/// For `doctor`.
#[must_use]
pub fn report() -> Report {
    let found = version().map(|version| (version, format!("rustup's toolchain `{NIGHTLY}`")));
    Report { name: "nightly Rust", found, needed: false, get: format!("rustup {}", INSTALL.join(" ")) }
}
