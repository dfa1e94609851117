//! Python with PyJWT, whose tokens and verdicts the end-to-end tests compare with ours.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use super::{Report, Setup, apt_line};
use crate::{paths, process};

/// Debian's packages: `python3` alone makes no virtual environment.
const PACKAGES: [&str; 2] = ["python3", "python3-venv"];
/// Fails where a package is missing, or the Python that the environment was made with.
const VERSIONS: &str =
    "import jwt, cryptography; print('PyJWT', jwt.__version__ + ', cryptography', cryptography.__version__)";

/// Finds the Python of our virtual environment, or makes that environment in the cache folder.
pub fn ensure(setup: &Setup) -> Result<PathBuf> {
    let home = home(setup);
    if versions(&home).is_some() {
        return Ok(python_of(&home));
    }
    let python = match with_venv() {
        Some(python) => python,
        None => {
            setup.apt_install("the tests with PyJWT", &PACKAGES)?;
            match with_venv() {
                Some(python) => python,
                None => bail!("{} are installed, but no python3 makes a venv", PACKAGES.join(" and ")),
            }
        }
    };
    // What an interrupted run left, or one with a Python that has gone since.
    let _ = fs::remove_dir_all(&home);
    process::quietly("making a Python environment", Command::new(python).args(["-m", "venv"]).arg(&home))?;
    let mut pip = Command::new(python_of(&home));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages(setup));
    process::quietly(&format!("installing {} (PyPI)", packages(setup).join(" ")), &mut pip)?;
    if versions(&home).is_none() {
        bail!("PyJWT {} was installed but does not run", setup.pins.pyjwt);
    }
    Ok(python_of(&home))
}

/// A Python that can make an environment with pip in it. The first on `PATH` may lack the modules that the
/// distribution's has.
fn with_venv() -> Option<PathBuf> {
    let candidates = paths::on_path("python3").into_iter().chain([PathBuf::from("/usr/bin/python3")]);
    candidates.into_iter().find(|python| {
        process::output_of(Command::new(python).args(["-c", "import venv, ensurepip"])).is_ok()
    })
}

fn versions(home: &Path) -> Option<String> {
    process::output_of(Command::new(python_of(home)).args(["-c", VERSIONS])).ok()
}

/// Both versions are in the name, so that a new pin makes a new environment.
fn home(setup: &Setup) -> PathBuf {
    setup.cache.join(format!("pyjwt-{}-{}", setup.pins.pyjwt, setup.pins.cryptography))
}

fn python_of(home: &Path) -> PathBuf {
    home.join("bin/python")
}

fn packages(setup: &Setup) -> [String; 2] {
    let pins = &setup.pins;
    [format!("PyJWT=={}", pins.pyjwt), format!("cryptography=={}", pins.cryptography)]
}

/// For `doctor`.
#[must_use]
pub fn report(setup: &Setup) -> Report {
    let home = home(setup);
    let found = versions(&home).map(|versions| (versions, python_of(&home).display().to_string()));
    let folder = home.display();
    let venv = format!("python3 -m venv {folder} && {folder}/bin/pip install {}", packages(setup).join(" "));
    let get = if with_venv().is_some() { venv } else { format!("{} && {venv}", apt_line(&PACKAGES)) };
    Report { name: "PyJWT", found, needed: true, get }
}
