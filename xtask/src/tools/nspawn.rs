//! Prepares a small Debian system with systemd, which the tests of the software packages boot in a container.
//!
//! debootstrap creates the small system once in the cache folder, from the mirror and the release of the host system.
//! The small system contains `systemd-nspawn`. If `systemd-nspawn` were installed on the host system, the installation
//! could upgrade the systemd of the host system. Test runs do not change the small system.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::find::find;
use super::report::Report;
use super::setup::Setup;
use super::system::Package;
use crate::{paths, process};

/// The packages that are installed in addition to the minimal system.
const PACKAGES: &str = "systemd,systemd-sysv,systemd-container,dbus,udev";
/// The version of the small system. The version must be incremented when the contents of the system change.
const RECIPE: u32 = 1;
/// The name of the file that contains the name of the Debian release. The file `release` is written last, so a folder
/// with this file is complete.
const COMPLETE: &str = "release";

/// The package of debootstrap, which is only needed to create the small system.
pub const PACKAGE: Package = Package::program("debootstrap");

/// The small system in the cache folder, and the program that boots this system.
#[derive(Debug, Clone)]
pub struct Nspawn {
    /// The root folder of the small system.
    pub root: PathBuf,
    pub program: PathBuf,
    /// The folder with the libraries of `systemd-nspawn`.
    pub libraries: PathBuf,
}

/// Returns an error with the reason if this system cannot boot a container.
pub fn wanted() -> Result<()> {
    if release().is_none() || paths::on_path("apt-get").is_none() {
        bail!("a system with systemd needs Debian's packages, and this system is not Debian");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("booting a system with systemd in a container needs root");
    }
    Ok(())
}

/// Finds or creates the small system. [`PACKAGE`] must be installed.
pub fn ensure(setup: &Setup) -> Result<Nspawn> {
    wanted()?;
    let home = home(setup);
    if !home.join(COMPLETE).is_file() {
        make(setup, &home)?;
    }
    let root = home.join("root");
    let library = find(&root.join("usr/lib"), &|name| name.starts_with("libsystemd-shared-"));
    let libraries = library.as_deref().and_then(Path::parent).map(Path::to_owned);
    let libraries = libraries.with_context(|| format!("{} has no systemd", root.display()))?;
    Ok(Nspawn { program: root.join("usr/bin/systemd-nspawn"), root, libraries })
}

fn home(setup: &Setup) -> PathBuf {
    setup.cache.join(format!("systemd-root-{RECIPE}"))
}

fn make(setup: &Setup, home: &Path) -> Result<()> {
    let release = release().context("this system is not Debian")?;
    setup.make_folder(home, |made| {
        let root = made.join("root");
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), &release]).arg(&root);
        debootstrap.args(mirror(&release));
        process::quietly("creating a small Debian with systemd (network)", &mut debootstrap)?;
        fs::remove_dir_all(root.join("var/cache/apt/archives"))?;
        Ok(fs::write(made.join(COMPLETE), format!("{release}\n"))?)
    })
}

/// Returns the code name of the host system's Debian release.
fn release() -> Option<String> {
    let system = fs::read_to_string("/etc/os-release").ok()?;
    let value = |key: &str| system.lines().find_map(|line| line.strip_prefix(key));
    (value("ID=") == Some("debian")).then(|| value("VERSION_CODENAME=").map(ToOwned::to_owned))?
}

/// Returns the mirror from which the host system gets the packages of the release. debootstrap's default mirror can be
/// unreachable.
fn mirror(release: &str) -> Option<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"]);
    let said = process::output_of(&mut apt).ok()?;
    said.lines().find_map(|line| line.strip_prefix(release)?.strip_prefix(' ')).map(ToOwned::to_owned)
}

/// Returns the row for the small system in the table of `cargo xtask doctor`.
pub fn report(setup: &Setup) -> Report {
    let home = home(setup);
    let release = fs::read_to_string(home.join(COMPLETE)).ok();
    Report {
        name: "system in a container",
        found: release.map(|release| (format!("Debian {}", release.trim()), home.display().to_string())),
        needed: wanted().is_ok(),
        get: "cargo xtask test creates it".into(),
    }
}
