//! A small Debian with systemd, and what boots it in a container, for the tests of the packages.
//!
//! It is made once in the cache folder, by debootstrap from the mirror and for the release of this system, and
//! brings `systemd-nspawn` along: installing that package here could upgrade this system's own systemd. A run
//! leaves nothing in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{Report, Setup, emulator::find, system::Package};
use crate::{paths, process};

/// Beside the minimal system.
const PACKAGES: &str = "systemd,systemd-sysv,systemd-container,dbus,udev";
/// Rises when something else goes into it.
const RECIPE: u32 = 1;
/// Written last: the release.
const COMPLETE: &str = "release";

/// Makes the small Debian. Not needed once that is made.
pub const PACKAGE: Package = Package::program("debootstrap");

/// What boots.
#[derive(Debug, Clone)]
pub struct Nspawn {
    /// The root of its files.
    pub root: PathBuf,
    /// `systemd-nspawn`.
    pub program: PathBuf,
    /// Where `systemd-nspawn` finds its libraries.
    pub libraries: PathBuf,
}

/// Whether this system can boot another in a container; the error says why not.
pub fn wanted() -> Result<()> {
    if release().is_none() || paths::on_path("apt-get").is_none() {
        bail!("a system with systemd is set up from Debian's packages, and this is no Debian");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("booting a system with systemd in a container takes root");
    }
    Ok(())
}

/// Finds the system, or makes it; [`PACKAGE`] is installed.
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
    let release = release().context("this is no Debian")?;
    setup.make_folder(home, |made| {
        let root = made.join("root");
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), &release]).arg(&root);
        debootstrap.args(mirror(&release));
        process::quietly("making a small Debian with systemd (network)", &mut debootstrap)?;
        fs::remove_dir_all(root.join("var/cache/apt/archives"))?;
        Ok(fs::write(made.join(COMPLETE), format!("{release}\n"))?)
    })
}

/// Debian's name of this system's release.
fn release() -> Option<String> {
    let system = fs::read_to_string("/etc/os-release").ok()?;
    let value = |key: &str| system.lines().find_map(|line| line.strip_prefix(key));
    (value("ID=") == Some("debian")).then(|| value("VERSION_CODENAME=").map(ToOwned::to_owned))?
}

/// Where this system gets that release from; debootstrap knows a place where nothing is found.
fn mirror(release: &str) -> Option<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"]);
    let said = process::output_of(&mut apt).ok()?;
    said.lines().find_map(|line| line.strip_prefix(release)?.strip_prefix(' ')).map(ToOwned::to_owned)
}

/// For `doctor`.
#[must_use]
pub fn report(setup: &Setup) -> Report {
    let home = home(setup);
    let release = fs::read_to_string(home.join(COMPLETE)).ok();
    Report {
        name: "system in a container",
        found: release.map(|release| (format!("Debian {}", release.trim()), home.display().to_string())),
        needed: wanted().is_ok(),
        get: "cargo xtask test makes it".into(),
    }
}
