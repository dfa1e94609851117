//! Compiles static programs for devices.
//!
//! If rustup can download the standard library for musl, Rust's linker links the program. In addition, only a C
//! compiler for the crate `ring` is needed. Otherwise, Debian's Rust compiles the standard library for glibc from
//! source. Debian's cross compiler then links the program statically.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{
    report::{Report, program_report},
    rust_target::{self, Library},
    setup::Setup,
    system::Package,
};
use crate::{paths, process};

/// A machine architecture. The names of the variants are Debian's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Machine {
    /// A Raspberry Pi 3 or later with a 64-bit system.
    Arm64,
    /// Any Raspberry Pi with a 32-bit system. Programs for this architecture also run on ARMv6 processors without a
    /// floating-point unit.
    Armhf,
    /// A PC with a 64-bit x86 processor.
    Amd64,
}

/// The fixed properties of a machine architecture.
struct Facts {
    musl: &'static str,
    glibc: &'static str,
    /// The package of a C compiler and its header files. Debian's compiler package only recommends the package with the
    /// header files.
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
            // Debian's libc for armhf needs ARMv7 and crashes on a Pi Zero. Debian's libc for armel runs on a Pi Zero,
            // with floating-point operations in software.
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

    /// Returns the packages that are needed to compile programs for this machine.
    pub fn package(self) -> Package {
        self.facts().compiler
    }

    /// Returns the architecture of the machine on which this program runs.
    pub fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::Amd64 }
    }

    /// Returns Debian's name of the architecture.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
            Self::Amd64 => "amd64",
        }
    }
}

/// A compiler setup that works for a machine architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cross {
    machine: Machine,
    library: Library,
}

impl Cross {
    /// Returns Rust's name for the target.
    pub fn triple(&self) -> &'static str {
        match self.library {
            Library::Rustup => self.machine.facts().musl,
            Library::Debian => self.machine.facts().glibc,
        }
    }

    /// Creates the command `cargo build --target …`, with the compiler, the linker and the flags for the target.
    pub fn cargo_build(&self) -> Result<Command> {
        let facts = self.machine.facts();
        let triple = self.triple();
        let mut cargo = self.library.cargo("build", triple)?;
        // These environment variables would override the flags that are set below.
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

/// Returns the flags that remove the paths of this machine from the program, so that builds are reproducible.
fn without_paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = [Some((paths::root(), "/pinlatch")), home.map(|home| (home, "/cargo"))];
    let named = folders.into_iter().flatten().filter_map(|(folder, name)| {
        let folder = folder.to_str()?.to_owned();
        // Cargo splits the flags at spaces, so a folder whose path contains a space is omitted.
        (!folder.contains(char::is_whitespace)).then(|| format!(" --remap-path-prefix={folder}={name}"))
    });
    named.collect()
}

/// Finds or installs the compiler setup for a machine architecture.
pub fn ensure(setup: &Setup, machine: Machine) -> Result<Cross> {
    let facts = machine.facts();
    let purpose = format!("compiling for {}", machine.name());
    setup.ensure_packages(&purpose, &[&facts.compiler])?;
    let library = rust_target::ensure(setup, facts.musl)?;
    Ok(Cross { machine, library })
}

/// Returns whether a C compiler and its header files work.
fn compiles(compiler: &str) -> bool {
    let Some(compiler) = paths::on_path(compiler) else { return false };
    let mut probe = Command::new(compiler);
    probe.args(["-E", "-include", "string.h", "-x", "c", "/dev/null"]);
    process::output_of(&mut probe).is_ok()
}

/// Returns the row for the compiler that the tests use, in the table of `cargo xtask doctor`.
pub fn report() -> Report {
    let compiler = Machine::Arm64.package();
    let found = paths::on_path(compiler.name).filter(|_| compiler.is_present());
    Report { needed: super::emulator::wanted().is_ok(), ..program_report(compiler.name, found, &compiler) }
}
