//! Finds or installs Rust's standard library for targets other than this machine.
//!
//! Usually the command `rustup target add` is sufficient. If rustup cannot download the target, Debian's Rust compiles
//! the standard library from source, together with the program.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Result, bail};

use super::{
    report::{Report, version_of},
    setup::{Consent, Setup},
    system::Package,
};
use crate::{paths, process};

/// The compilation target of the Worker and the panel.
pub const WASM: &str = "wasm32-unknown-unknown";
/// Debian's packages of rustc, cargo, the source of the standard library, the linkers and clippy.
const DEBIAN_RUST: Package = Package {
    debian: "rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy lld-22",
    present: |_| has_debian_rust(),
    ..Package::program("Debian's Rust")
};
/// The time limit for rustup, which can hang without a network connection.
const LIMIT: Duration = Duration::from_secs(60);
/// The time for which rustup is not run again after a failure, so that later starts of xtask stay fast.
const REMEMBER_FAILURE: Duration = Duration::from_secs(24 * 3600);

/// The origin of the standard library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    Rustup,
    /// Debian's Rust compiles the standard library from source.
    Debian,
}

impl Library {
    /// Creates the command `cargo SUBCOMMAND --target TARGET`, which uses this standard library.
    pub fn cargo(self, subcommand: &str, target: &str) -> Result<Command> {
        let mut cargo = process::cargo();
        if self == Self::Debian {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let first = std::iter::once(PathBuf::from("/usr/bin"));
            cargo = Command::new("/usr/bin/cargo");
            process::clean_cargo_env(&mut cargo);
            cargo.env("PATH", std::env::join_paths(first.chain(std::env::split_paths(&path)))?);
            cargo.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN").current_dir(paths::root());
        }
        cargo.args([subcommand, "--target", target]);
        if self == Self::Debian {
            cargo.arg("-Zbuild-std=std,panic_abort,panic_unwind");
        }
        Ok(cargo)
    }
}

/// Finds or installs the standard library for a target.
pub fn ensure(setup: &Setup, target: &str) -> Result<Library> {
    if has_target(target) || add_target(setup, target)? {
        return Ok(Library::Rustup);
    }
    if paths::on_path("apt-get").is_none() {
        bail!("the Rust target {target} is missing: run `rustup target add {target}`");
    }
    setup.ensure_packages(
        &format!("compiling to {target}, which rustup cannot install here,"),
        &[&DEBIAN_RUST],
    )?;
    Ok(Library::Debian)
}

/// Returns whether the active toolchain has the standard library for a target.
fn has_target(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]).current_dir(paths::root());
    process::clean_cargo_env(&mut rustc);
    let Ok(folder) = process::output_of(&mut rustc) else { return false };
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-"))
}

/// Adds the target to the active toolchain. Returns whether the toolchain has the target after this call.
fn add_target(setup: &Setup, target: &str) -> Result<bool> {
    let memory = setup.cache.join(format!("rustup-{target}-failed"));
    let failed_at = fs::metadata(&memory).and_then(|meta| meta.modified());
    let failed_lately = failed_at
        .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < REMEMBER_FAILURE));
    if failed_lately || setup.consent == Consent::Refused || paths::on_path("rustup").is_none() {
        return Ok(false);
    }
    // Two rustup processes must not change the same toolchain at the same time.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]).current_dir(paths::root());
    let added = process::within(LIMIT, &format!("rustup target add {target} (network)"), &mut rustup)?;
    if added {
        let _ = fs::remove_file(&memory);
    } else {
        fs::create_dir_all(&setup.cache)?;
        fs::write(&memory, "")?;
    }
    Ok(added && has_target(target))
}

fn has_debian_rust() -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status}\n"]).args(DEBIAN_RUST.debian.split(' '));
    process::output_of(&mut query).is_ok_and(|states| states.lines().all(|state| state == "installed"))
}

/// Returns the row for the wasm32 target in the table of `cargo xtask doctor`.
pub fn report() -> Report {
    let found = |rustc: &str, place: &str| Some((version_of(rustc)?, place.to_owned()));
    let found = match (has_target(WASM), has_debian_rust()) {
        (true, _) => found("rustc", "the active toolchain"),
        (false, true) => found("/usr/bin/rustc", "Debian's Rust, from source"),
        (false, false) => None,
    };
    Report { name: "wasm32 target", found, needed: true, get: format!("rustup target add {WASM}") }
}
