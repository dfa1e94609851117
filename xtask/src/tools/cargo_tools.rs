//! Tools that come from crates.io, compiled once into the cache folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{Report, Setup, numbers, version_of};
use crate::{paths, process, ui};

/// A program that `cargo install` makes.
pub struct CargoTool {
    /// The program.
    pub name: &'static str,
    /// The crate that has it.
    package: &'static str,
    /// Its folder in the cache, before the version.
    folder: &'static str,
    /// Optimising takes longer than it saves, except where the tool works on megabytes.
    opt_level: &'static str,
    /// Whether its build links the system's OpenSSL, on Linux.
    openssl: bool,
    /// Whether the demo or the tests use it.
    needed: bool,
    version: fn(&super::Pins) -> &str,
}

/// Compiles and bundles the Worker.
pub const WORKER_BUILD: CargoTool = CargoTool {
    name: "worker-build",
    package: "worker-build",
    folder: "worker-build",
    opt_level: "0",
    openssl: true,
    needed: true,
    version: |pins| &pins.worker_build,
};

/// Makes JavaScript bindings; private format, so exactly the crate's version.
pub const WASM_BINDGEN: CargoTool = CargoTool {
    name: "wasm-bindgen",
    package: "wasm-bindgen-cli",
    folder: "wasm-bindgen",
    opt_level: "1",
    openssl: false,
    needed: true,
    version: |pins| &pins.wasm_bindgen,
};

/// Builds and runs the fuzz targets, with nightly Rust.
pub const CARGO_FUZZ: CargoTool = CargoTool {
    name: "cargo-fuzz",
    package: "cargo-fuzz",
    folder: "cargo-fuzz",
    opt_level: "0",
    openssl: false,
    needed: false,
    version: |pins| &pins.cargo_fuzz,
};

impl CargoTool {
    /// Finds the tool in exactly its version, or compiles it.
    pub fn ensure(&self, setup: &Setup) -> Result<PathBuf> {
        if let Some(tool) = self.find(setup) {
            return Ok(tool);
        }
        let version = (self.version)(&setup.pins);
        std::fs::create_dir_all(&setup.cache)
            .with_context(|| format!("cannot make {}", setup.cache.display()))?;
        if self.openssl && cfg!(target_os = "linux") && !has_openssl() {
            let purpose = format!("{} (its build links OpenSSL)", self.package);
            setup.apt_install(&purpose, &["pkg-config", "libssl-dev"])?;
        }
        // Without --locked only where that fails: a mirror may lack one of the exact versions.
        let title = format!("compiling {} {version} (crates.io, some minutes, once)", self.package);
        if let Err(error) = process::quietly(&title, &mut self.install(setup, true)) {
            ui::say(&format!("  again with newer dependencies, since the locked ones failed: {error}"));
            process::quietly(&title, &mut self.install(setup, false))?;
        }
        match self.find(setup) {
            Some(tool) => {
                let _ = std::fs::remove_dir_all(self.build_folder(setup));
                Ok(tool)
            }
            None => bail!("{} {version} was installed but does not run", self.package),
        }
    }

    fn install(&self, setup: &Setup, locked: bool) -> std::process::Command {
        let mut cargo = process::cargo(&setup.cache);
        cargo.args(["install", "--debug", self.package, "--version", (self.version)(&setup.pins), "--root"]);
        cargo.arg(self.home(setup));
        if locked {
            cargo.arg("--locked");
        }
        cargo.env("CARGO_TARGET_DIR", self.build_folder(setup));
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_DEV_OPT_LEVEL", self.opt_level);
        cargo
    }

    fn find(&self, setup: &Setup) -> Option<PathBuf> {
        let cached = self.home(setup).join("bin").join(self.name);
        if paths::is_executable(&cached) {
            return Some(cached);
        }
        let own = paths::on_path(self.name)?;
        let version = numbers(&version_of(&own)?);
        (version == numbers((self.version)(&setup.pins))).then_some(own)
    }

    fn home(&self, setup: &Setup) -> PathBuf {
        setup.cache.join(format!("{}-{}", self.folder, (self.version)(&setup.pins)))
    }

    fn build_folder(&self, setup: &Setup) -> PathBuf {
        setup.cache.join(format!("build-{}", self.folder))
    }

    /// For `doctor`.
    #[must_use]
    pub fn report(&self, setup: &Setup) -> Report {
        let version = (self.version)(&setup.pins);
        let found = self.find(setup).and_then(|tool| Some((version_of(&tool)?, tool.display().to_string())));
        let get = format!(
            "cargo install --locked --debug {} --version {version} --root {}",
            self.package,
            self.home(setup).display()
        );
        Report { name: self.name, found, needed: self.needed, get }
    }
}

/// Whether a build would find OpenSSL's headers, the way that the crate `openssl-sys` looks for them.
fn has_openssl() -> bool {
    std::env::var_os("OPENSSL_DIR").is_some()
        || process::output_of(std::process::Command::new("pkg-config").args(["--modversion", "openssl"]))
            .is_ok()
}
