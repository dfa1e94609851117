//! Installs Python packages for the end-to-end tests. The tests compare the tokens and results of PyJWT and jwcrypto
//! with the tokens and results of Pinlatch. The tests also compare the edge with its OpenAPI document, through
//! schemathesis.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{
    report::Report,
    setup::Setup,
    system::{self, Package},
};
use crate::{paths, process};

/// The package of Python with virtual environments. On Debian, the package `python3` alone cannot create a virtual
/// environment.
pub const PACKAGE: Package = Package {
    debian: "python3 python3-venv",
    arch: "python",
    homebrew: "python",
    present: |_| with_venv().is_some(),
    ..Package::program("python3")
};
/// A Python script that prints the versions of the installed packages. The script fails if a package or the Python
/// program is missing.
const VERSIONS: &str = "import jwt, cryptography, jwcrypto, schemathesis
from importlib.metadata import version
print(*(f'{name} {version(name)}' for name in ('PyJWT', 'cryptography', 'jwcrypto', 'schemathesis', 'hypothesis')), sep=', ')";

/// Returns the Python program of the virtual environment in the cache folder. Creates the virtual environment if it is
/// missing. [`PACKAGE`] must be installed.
pub fn ensure(setup: &Setup) -> Result<PathBuf> {
    let home = home(setup);
    if versions(&home).is_some() {
        return Ok(python_of(&home));
    }
    let python =
        with_venv().context("no python3 can create a virtual environment; on Debian install python3-venv")?;
    // The folder can be incomplete after an interrupted run, or the Python program in the folder can be missing.
    let _ = fs::remove_dir_all(&home);
    process::quietly("creating a Python environment", Command::new(python).args(["-m", "venv"]).arg(&home))?;
    let mut pip = Command::new(python_of(&home));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages(setup));
    process::quietly(&format!("installing {} (network)", packages(setup).join(" ")), &mut pip)?;
    if versions(&home).is_none() {
        bail!("{} were installed but do not run", packages(setup).join(", "));
    }
    Ok(python_of(&home))
}

/// Returns a Python program that can create a virtual environment with pip. The first Python on `PATH` can lack modules
/// that the system's Python has.
fn with_venv() -> Option<PathBuf> {
    let candidates = paths::on_path("python3").into_iter().chain([PathBuf::from("/usr/bin/python3")]);
    candidates.into_iter().find(|python| {
        process::output_of(Command::new(python).args(["-c", "import venv, ensurepip"])).is_ok()
    })
}

fn versions(home: &Path) -> Option<String> {
    process::output_of(Command::new(python_of(home)).args(["-c", VERSIONS])).ok()
}

/// Returns the folder of the virtual environment. The name of the folder contains all versions, so that a new pinned
/// version creates a new environment.
fn home(setup: &Setup) -> PathBuf {
    let versions = pinned(setup).map(|(_, version)| version);
    setup.cache.join(format!("python-{}", versions.join("-")))
}

fn python_of(home: &Path) -> PathBuf {
    home.join("bin/python")
}

fn pinned(setup: &Setup) -> [(&'static str, &str); 5] {
    let pins = &setup.pins;
    [
        ("PyJWT", &pins.pyjwt),
        ("cryptography", &pins.cryptography),
        ("jwcrypto", &pins.jwcrypto),
        ("schemathesis", &pins.schemathesis),
        ("hypothesis", &pins.hypothesis),
    ]
}

/// Returns the packages with their versions, in the syntax of pip.
fn packages(setup: &Setup) -> [String; 5] {
    pinned(setup).map(|(name, version)| format!("{name}=={version}"))
}

/// Returns the row for the Python packages in the table of `cargo xtask doctor`.
pub fn report(setup: &Setup) -> Report {
    let home = home(setup);
    let found = versions(&home).map(|versions| (versions, python_of(&home).display().to_string()));
    let folder = home.display();
    let venv = format!("python3 -m venv {folder} && {folder}/bin/pip install {}", packages(setup).join(" "));
    let get =
        if with_venv().is_some() { venv } else { format!("{} && {venv}", system::install_line(&PACKAGE)) };
    Report { name: "PyJWT, jwcrypto, schemathesis", found, needed: true, get }
}
