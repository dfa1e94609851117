//! A Rust toolchain that compiles to wasm32.
//!
//! Usually `rustup target add` is all. Where rustup cannot download (a mirror with crates only), Debian's own
//! Rust can build the missing standard library from source; it is then linked as the rustup toolchain `debian`,
//! so that `RUSTUP_TOOLCHAIN=debian` reaches every tool that calls cargo.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{
    Report, Setup, rustup,
    system::{self, Consent, Package, as_root, sudo_prefix},
    version_of,
};
use crate::{paths, process, ui};

/// The target of Worker and panel.
pub const WASM: &str = "wasm32-unknown-unknown";
/// Debian's rustc, cargo, source of the library, rust-lld and clippy.
pub(super) const PACKAGE: Package = Package {
    debian: "rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy lld-22",
    ..Package::named("Debian's Rust", has_packages)
};
/// The linked toolchain's name.
const DEBIAN: &str = "debian";
/// Where Debian's rustc looks for the library.
const LIBRARY: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";
/// How the library is built, in a crate of nothing.
const BUILD_STD: [&str; 5] =
    ["build", "--release", "-Zbuild-std=std,panic_abort,panic_unwind,test", "--target", WASM];
/// LTO needs the bitcode.
const BITCODE: &str = "-Cembed-bitcode=yes";

/// Which toolchain compiles to wasm32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The one in use.
    Active,
    /// Debian's, linked under rustup.
    Debian,
}

impl WasmToolchain {
    /// Makes a command, and whatever it starts, use this toolchain.
    pub fn choose(&self, command: &mut Command) {
        if *self == Self::Debian {
            command.env("RUSTUP_TOOLCHAIN", DEBIAN);
        }
    }

    /// For people.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Active => "the active toolchain",
            Self::Debian => "toolchain `debian` (/usr)",
        }
    }
}

/// Finds a toolchain with the target, or adds the target.
pub fn ensure(setup: &Setup) -> Result<WasmToolchain> {
    if let Some(found) = find(setup) {
        return Ok(found);
    }
    if rustup::add_target(setup, WASM)? {
        return Ok(WasmToolchain::Active);
    }
    if setup.consent == Consent::Refused || paths::on_path("apt-get").is_none() {
        bail!("the Rust target {WASM} is missing: run `rustup target add {WASM}`");
    }
    ui::say(&format!("  rustup could not add the target {WASM}; using Debian's Rust instead"));
    install_debian(setup)?;
    match find(setup) {
        Some(found) => Ok(found),
        None => bail!("Debian's Rust was installed but does not compile to {WASM}"),
    }
}

fn find(setup: &Setup) -> Option<WasmToolchain> {
    if rustup::has_target(WASM) {
        return Some(WasmToolchain::Active);
    }
    (is_linked() && debian_works(setup)).then_some(WasmToolchain::Debian)
}

fn is_linked() -> bool {
    let home = std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".rustup")));
    home.is_some_and(|home| {
        fs::read_link(home.join("toolchains").join(DEBIAN)).is_ok_and(|to| to == Path::new("/usr"))
    })
}

/// Whether Debian's rustc really compiles and links for wasm32. The library is of no use to a rustc that was
/// upgraded since, so the proof is kept under what it was made with.
fn debian_works(setup: &Setup) -> bool {
    let Some(library) = rustup::library_in(Path::new(LIBRARY)) else { return false };
    let Ok(print) = crate::build::stamp::of_files(&[Path::new("/usr/bin/rustc"), &library]) else {
        return false;
    };
    let proof = setup.cache.join("debian-wasm-works");
    if fs::read_to_string(&proof).is_ok_and(|kept| kept == print) {
        return true;
    }
    let works = compile_probe().is_ok();
    if works {
        let _ = fs::create_dir_all(&setup.cache);
        let _ = fs::write(&proof, print);
    }
    works
}

fn compile_probe() -> Result<()> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join("probe.rs"), "fn main() { println!(\"{}\", std::env::args().count()) }")?;
    let mut rustc = Command::new("/usr/bin/rustc");
    rustc.args(["--target", WASM, "--edition", "2024", "probe.rs"]).current_dir(dir.path());
    process::clean_cargo_env(&mut rustc);
    process::output_of(&mut rustc).map(drop)
}

/// Packages, the library built from source, and the link.
fn install_debian(setup: &Setup) -> Result<()> {
    let purpose = "compiling to wasm32 with Debian's Rust";
    let build = setup.cache.join("build-std");
    // Before asking, so that the commands shown work when a person runs them.
    write_empty_crate(&build)?;
    setup.permit(purpose, &by_hand(&build))?;
    // This permission covers the packages too.
    let Setup { root, cache, pins, .. } = setup;
    let consent = Consent::Given;
    let permitted = Setup { root: root.clone(), cache: cache.clone(), pins: pins.clone(), consent };
    permitted.ensure_packages(purpose, &[&PACKAGE])?;
    let libraries = build_library(&build)?;
    // What an earlier rustc left there would be found first and refused.
    if Path::new(LIBRARY).exists() {
        process::output_of(as_root("rm").args(["-r", LIBRARY]))?;
    }
    process::output_of(as_root("install").args(["-D", "-m", "644", "-t", LIBRARY]).args(&libraries))?;
    if paths::on_path("rustup").is_some() {
        process::output_of(Command::new("rustup").args(["toolchain", "link", DEBIAN, "/usr"]))?;
    }
    let _ = fs::remove_dir_all(&build);
    Ok(())
}

/// All of it as a person would type it.
fn by_hand(build: &Path) -> [String; 4] {
    let build_line = format!(
        "(cd {} && RUSTC_BOOTSTRAP=1 RUSTFLAGS={BITCODE} CARGO_TARGET_DIR=target PATH=/usr/bin:$PATH cargo {})",
        build.display(),
        BUILD_STD.join(" ")
    );
    let install =
        format!("{}install -D -m 644 -t {LIBRARY} {}/*.rlib", sudo_prefix(), built(build).display());
    [system::install_line(&PACKAGE), build_line, install, format!("rustup toolchain link {DEBIAN} /usr")]
}

/// Debian's cargo, which may build the standard library from source.
pub(super) fn debian_cargo(dir: &Path) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(PathBuf::from("/usr/bin")).chain(std::env::split_paths(&path)))?;
    let mut cargo = Command::new("/usr/bin/cargo");
    process::clean_cargo_env(&mut cargo);
    cargo.current_dir(dir).env("RUSTC_BOOTSTRAP", "1").env("PATH", path).env_remove("RUSTUP_TOOLCHAIN");
    Ok(cargo)
}

fn has_packages() -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status}\n"]).args(PACKAGE.debian.split(' '));
    process::output_of(&mut query).is_ok_and(|states| states.lines().all(|state| state == "installed"))
}

/// A crate of nothing, for whose sake cargo builds the standard library. As a cdylib it leaves no `.rlib` of
/// its own among the library's.
fn write_empty_crate(dir: &Path) -> Result<()> {
    const MANIFEST: &str = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                            [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir.join("src")).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(dir.join("Cargo.toml"), MANIFEST)?;
    fs::write(dir.join("src/lib.rs"), "")?;
    Ok(())
}

/// Where that build leaves the library.
fn built(dir: &Path) -> PathBuf {
    dir.join("target").join(WASM).join("release/deps")
}

/// Builds std for wasm32 with Debian's cargo.
fn build_library(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = debian_cargo(dir)?;
    cargo.args(BUILD_STD).env("RUSTFLAGS", BITCODE).env("CARGO_TARGET_DIR", "target");
    process::quietly(&format!("building the standard library for {WASM}"), &mut cargo)?;
    let deps = built(dir);
    let mut libraries = Vec::new();
    for entry in fs::read_dir(&deps).with_context(|| deps.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rlib") {
            libraries.push(path);
        }
    }
    if libraries.is_empty() {
        bail!("no libraries in {}", deps.display());
    }
    Ok(libraries)
}

/// For `doctor`.
#[must_use]
pub fn report(setup: &Setup) -> Report {
    let found = find(setup).map(|toolchain| {
        let version = match toolchain {
            WasmToolchain::Active => version_of("rustc"),
            WasmToolchain::Debian => version_of("/usr/bin/rustc"),
        };
        (version.unwrap_or_default(), toolchain.describe().to_owned())
    });
    let get = format!("rustup target add {WASM}   (else `cargo xtask build --yes` takes Debian's Rust)");
    Report { name: "wasm32 target", found, needed: true, get }
}
