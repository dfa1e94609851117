//! Compiles static programs for devices.
//!
//! If rustup can download the standard library for musl, only a C compiler for `ring` is needed in addition, and Rust's
//! linker is used. Otherwise Debian's Rust compiles the standard library for glibc from source, and Debian's cross
//! compiler links the program statically.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{
    Report, Setup, program_report,
    rust_target::{self, Library},
    system::Package,
};
use crate::{paths, process};

/// A machine architecture, with Debian's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Machine {
    /// Raspberry Pi 3 and later with a 64-bit system.
    Arm64,
    /// Every Raspberry Pi with a 32-bit system, down to ARMv6 without a floating-point unit.
    Armhf,
    /// PCs.
    Amd64,
}

/// Fixed properties of a machine.
struct Facts {
    musl: &'static str,
    glibc: &'static str,
    /// A C compiler and its headers. The headers are in a package that Debian's compiler package only recommends.
    compiler: Package,
    compiler_flags: &'static str,
}

const fn compiler(name: &'static str, debian: &'static str) -> Package {
    Package { debian, present: |own| compiles(own.name), ..Package::program(name) }
}

impl Machine {
    fn facts(self) -> Facts {
        match self {
            Self::Arm64 => Facts {
                musl: "aarch64-unknown-linux-musl",
                glibc: "aarch64-unknown-linux-gnu",
                compiler: compiler("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
                compiler_flags: "",
            },
            // Debian's armhf libc is for ARMv7 and crashes on a Pi Zero. Debian's armel libc runs on a Pi Zero, with
            // soft float.
            Self::Armhf => Facts {
                musl: "arm-unknown-linux-musleabi",
                glibc: "arm-unknown-linux-gnueabi",
                compiler: compiler("arm-linux-gnueabi-gcc", "gcc-arm-linux-gnueabi libc6-dev-armel-cross"),
                compiler_flags: "-march=armv6 -marm",
            },
            Self::Amd64 => Facts {
                musl: "x86_64-unknown-linux-musl",
                glibc: "x86_64-unknown-linux-gnu",
                compiler: compiler("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev"),
                compiler_flags: "",
            },
        }
    }

    /// The packages for compiling to this machine.
    #[must_use]
    pub fn package(self) -> Package {
        self.facts().compiler
    }

    /// The machine that this program runs on.
    #[must_use]
    pub fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::Amd64 }
    }

    /// Debian's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
            Self::Amd64 => "amd64",
        }
    }
}

/// A working compiler setup for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cross {
    machine: Machine,
    library: Library,
}

impl Cross {
    /// Rust's name for the target.
    #[must_use]
    pub fn triple(&self) -> &'static str {
        match self.library {
            Library::Rustup => self.machine.facts().musl,
            Library::Debian => self.machine.facts().glibc,
        }
    }

    /// The command `cargo build --target …`, with compiler, linker and flags.
    pub fn cargo_build(&self) -> Result<Command> {
        let facts = self.machine.facts();
        let triple = self.triple();
        let mut cargo = self.library.cargo("build", triple)?;
        // These variables would override the flags below.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let variable = triple.replace('-', "_");
        cargo.env(format!("CC_{variable}"), facts.compiler.name);
        cargo.env(format!("CFLAGS_{variable}"), facts.compiler_flags);
        let of_cargo = |name: &str| format!("CARGO_TARGET_{}_{name}", variable.to_uppercase());
        let (linker, flags) = match self.library {
            Library::Rustup => ("rust-lld", "-Clink-self-contained=yes -Clinker-flavor=ld.lld"),
            Library::Debian => (facts.compiler.name, "-Ctarget-feature=+crt-static"),
        };
        cargo.env(of_cargo("LINKER"), linker);
        cargo.env(of_cargo("RUSTFLAGS"), format!("{flags}{}", without_paths()));
        Ok(cargo)
    }
}

/// Flags that remove this machine's paths from the program, so that builds are reproducible.
fn without_paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = [Some((paths::root(), "/pinlatch")), home.map(|home| (home, "/cargo"))];
    let named = folders.into_iter().flatten().filter_map(|(folder, name)| {
        let folder = folder.to_str()?.to_owned();
        // Cargo splits the flags at spaces, so a folder with a space is left out.
        (!folder.contains(char::is_whitespace)).then(|| format!(" --remap-path-prefix={folder}={name}"))
    });
    named.collect()
}

/// Finds or installs the compiler setup for a machine.
pub fn ensure(setup: &Setup, machine: Machine) -> Result<Cross> {
    let facts = machine.facts();
    let purpose = format!("compiling for {}", machine.name());
    setup.ensure_packages(&purpose, &[&facts.compiler])?;
    let library = rust_target::ensure(setup, facts.musl)?;
    Ok(Cross { machine, library })
}

/// Whether a C compiler and its headers work.
fn compiles(compiler: &str) -> bool {
    let Some(compiler) = paths::on_path(compiler) else { return false };
    let mut probe = Command::new(compiler);
    probe.args(["-E", "-include", "string.h", "-x", "c", "/dev/null"]);
    process::output_of(&mut probe).is_ok()
}

/// For `doctor`: the compiler that the tests use.
#[must_use]
pub fn report() -> Report {
    let compiler = Machine::Arm64.package();
    let found = paths::on_path(compiler.name).filter(|_| compiler.is_present());
    Report { needed: super::emulator::wanted().is_ok(), ..program_report(compiler.name, found, &compiler) }
}
