//! Prepares QEMU and its guest machines for tests with the GPIO of a real kernel. The guest machines are a Raspberry Pi
//! 3B, a Pi Zero and the QEMU board `virt`.
//!
//! The kernels, the kernel modules and busybox come from Debian's packages for arm64 and armel. These packages are
//! downloaded into the cache folder with a separate apt state. Therefore, the architectures and packages of this system
//! do not change.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::apt::SeparateApt;
use super::find::{find, find_path};
use super::modules;
use super::report::{Report, program_report};
use super::setup::Setup;
use super::system::Package;
use crate::paths;

const QEMU: &str = "qemu-system-aarch64";
/// The packages of QEMU and xz. The kernel modules in Debian's packages are compressed with xz.
pub const PACKAGES: [Package; 2] = [
    Package { debian: "qemu-system-arm", ..Package::program(QEMU) },
    Package { debian: "xz-utils", ..Package::program("xz") },
];
const BUSYBOX: &str = "busybox-static";
/// The version of the downloaded guests. The version must be incremented when other files of the Debian packages are
/// kept.
const RECIPE: u32 = 2;
/// The name of the file that lists the downloaded packages. The file `packages` is written last, so a folder with this
/// file is complete.
const COMPLETE: &str = "packages";

/// A guest machine, and the kernel modules that the guest needs for its network connection.
struct Guest {
    folder: &'static str,
    /// Debian's name of the architecture.
    architecture: &'static str,
    /// The names of Debian packages that depend on a kernel package. The first available package is used.
    packages: &'static [&'static str],
    modules: &'static [&'static str],
    device_tree: Option<&'static str>,
}

const GUESTS: [Guest; 3] = [
    Guest {
        folder: "pi",
        architecture: "arm64",
        // In Linux 6.9 and later, the driver of the Pi's pins can leave released outputs in their last state, as on
        // Raspberry Pi OS.
        packages: &["linux-image-6.12-arm64", "linux-image-arm64"],
        // No kernel module depends on `phy-generic`, but `dwc2` does not work without `phy-generic`.
        modules: &["phy-generic", "dwc2", "cdc_ether"],
        device_tree: Some("broadcom/bcm2837-rpi-3-b.dtb"),
    },
    Guest {
        folder: "pi-zero",
        // Debian's armhf packages need a later processor than the processor of the Pi Zero.
        architecture: "armel",
        packages: &["linux-image-rpi"],
        modules: &["phy-generic", "dwc2", "cdc_ether"],
        device_tree: Some("bcm2835-rpi-zero.dtb"),
    },
    Guest {
        folder: "virt",
        architecture: "arm64",
        packages: &["linux-image-cloud-arm64"],
        modules: &["virtio_mmio", "virtio_net"],
        device_tree: None,
    },
];

/// The paths of QEMU and its guest machines.
#[derive(Debug, Clone)]
pub struct Emulator {
    pub qemu: PathBuf,
    /// The folder with one folder for each guest machine. Each of these folders contains `busybox`, `kernel` and
    /// `modules`.
    pub guests: PathBuf,
}

/// Returns an error with the reason if guest machines cannot be prepared on this system.
pub fn wanted() -> Result<()> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if system.lines().any(|line| line == "ID=debian") && paths::on_path("apt-get").is_some() {
        return Ok(());
    }
    bail!("emulated machines need Debian's packages for arm64, and this system is not Debian");
}

/// Finds QEMU, and downloads missing guest machines. [`PACKAGES`] must be installed.
pub fn ensure(setup: &Setup) -> Result<Emulator> {
    wanted()?;
    let Some(qemu) = paths::on_path(QEMU) else { bail!("{QEMU} is not on PATH") };
    let guests = home(setup);
    if !guests.join(COMPLETE).is_file() {
        setup.make_folder(&guests, fetch)?;
        // Guest machines of earlier versions are no longer needed.
        for number in 1..RECIPE {
            let _ = fs::remove_dir_all(home_of(setup, number));
        }
    }
    Ok(Emulator { qemu, guests })
}

fn home(setup: &Setup) -> PathBuf {
    home_of(setup, RECIPE)
}

fn home_of(setup: &Setup, recipe: u32) -> PathBuf {
    setup.cache.join(format!("arm64-guests-{recipe}"))
}

/// Downloads and unpacks the Debian packages, and keeps only the files that the guest machines need.
fn fetch(made: &Path) -> Result<()> {
    let work = tempfile::tempdir_in(made)?;
    let mut packages = String::new();
    let architectures: BTreeSet<&str> = GUESTS.iter().map(|guest| guest.architecture).collect();
    for architecture in architectures {
        let apt = SeparateApt::new(&work.path().join(architecture), architecture)?;
        apt.update()?;
        let tree = apt.unpack(BUSYBOX)?;
        let busybox = ["bin/busybox", "usr/bin/busybox"].map(|path| tree.join(path));
        let Some(busybox) = busybox.iter().find(|path| path.is_file()) else {
            bail!("{BUSYBOX} contains no busybox");
        };
        for guest in GUESTS.iter().filter(|guest| guest.architecture == architecture) {
            let package = apt.dependency_of(guest.packages)?;
            let tree = apt.unpack(&package)?;
            let kept = made.join(guest.folder);
            keep_kernel(&tree, guest, &kept).with_context(|| format!("files of {package}"))?;
            fs::copy(busybox, kept.join("busybox"))?;
            packages.push_str(&format!("{package}\n"));
        }
    }
    Ok(fs::write(made.join(COMPLETE), packages)?)
}

/// Copies the kernel, the kernel's device tree and the kernel modules. The file names of the modules are numbered in
/// load order.
fn keep_kernel(tree: &Path, guest: &Guest, kept: &Path) -> Result<()> {
    fs::create_dir_all(kept.join("modules"))?;
    let kernel = find(&tree.join("boot"), &|name| name.starts_with("vmlinuz-"));
    fs::copy(kernel.context("cannot find the kernel")?, kept.join("kernel"))?;
    if let Some(name) = guest.device_tree {
        let file = find_path(&tree.join("usr/lib"), name).with_context(|| format!("cannot find {name}"))?;
        fs::copy(file, kept.join("device-tree"))?;
    }
    for (number, (name, module)) in modules::in_order(tree, guest.modules)?.into_iter().enumerate() {
        fs::write(kept.join(format!("modules/{number:02}-{name}.ko")), module)?;
    }
    Ok(())
}

/// Returns the rows for QEMU and its guest machines in the table of `cargo xtask doctor`.
pub fn reports(setup: &Setup) -> [Report; 2] {
    let needed = wanted().is_ok();
    let guests = home(setup);
    let packages = fs::read_to_string(guests.join(COMPLETE)).ok();
    let packages = packages.map(|text| text.lines().collect::<Vec<_>>().join(", "));
    [
        Report { needed, ..program_report(QEMU, paths::on_path(QEMU), &PACKAGES[0]) },
        Report {
            name: "guests of QEMU",
            found: packages.map(|packages| (packages, guests.display().to_string())),
            needed,
            get: "cargo xtask test downloads them".into(),
        },
    ]
}
