//! Installs npm packages into `node_modules`, in the versions that `package-lock.json` contains.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::report::Report;
use super::system::Package;
use crate::{paths, process};

/// The package of npm. Any version of Node is sufficient, because a newer Node can be installed from npm's registry.
/// Debian's package `nodejs` does not include npm.
pub const PACKAGE: Package = Package {
    debian: "nodejs npm",
    fedora: "nodejs-npm",
    arch: "nodejs npm",
    homebrew: "node",
    ..Package::program("npm")
};

/// Runs `npm ci` if the installed versions do not match `package-lock.json`.
pub fn ensure() -> Result<PathBuf> {
    let modules = paths::root().join("node_modules");
    if up_to_date() {
        return Ok(modules);
    }
    let mut npm = std::process::Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(paths::root());
    process::quietly("npm ci (network)", &mut npm)?;
    if !up_to_date() {
        bail!("npm ci succeeded, but node_modules differs from package-lock.json");
    }
    Ok(modules)
}

/// Installs one npm package into a separate folder. The install scripts of the package are not run.
pub fn install_alone(folder: &Path, package: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut npm = std::process::Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", package, "--prefix"]).arg(folder);
    process::quietly(&format!("installing {package} (network)"), &mut npm)
}

fn up_to_date() -> bool {
    let locked = read(&paths::root().join("package-lock.json"));
    let installed = read(&paths::root().join("node_modules/.package-lock.json"));
    matches!((locked, installed), (Ok(locked), Ok(installed)) if agree(&locked, &installed))
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Returns whether all locked packages are installed in their locked versions. Optional packages can be missing,
/// because optional packages can be for other platforms.
fn agree(locked: &Value, installed: &Value) -> bool {
    let Some(locked) = locked.get("packages").and_then(Value::as_object) else { return false };
    let installed = installed.get("packages").and_then(Value::as_object);
    locked.iter().filter(|(place, _)| !place.is_empty()).all(|(place, package)| {
        match installed.and_then(|all| all.get(place)) {
            Some(there) => there.get("version") == package.get("version"),
            None => package.get("optional").and_then(Value::as_bool).unwrap_or(false),
        }
    })
}

/// Returns the row for the npm packages of `package.json` in the table of `cargo xtask doctor`.
pub fn report() -> Report {
    let versions = read(&paths::root().join("package.json")).ok().and_then(|package| {
        let wanted = package.get("devDependencies")?.as_object()?;
        let list: Vec<_> =
            wanted.iter().map(|(name, v)| format!("{name} {}", v.as_str().unwrap_or("?"))).collect();
        Some(list.join(", "))
    });
    let place = paths::root().join("node_modules").display().to_string();
    let found = versions.filter(|_| up_to_date()).map(|versions| (versions, place));
    Report { name: "npm packages", found, needed: true, get: "npm ci".into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lock(packages: Value) -> Value {
        json!({ "packages": packages })
    }

    #[test]
    fn the_same_versions_agree() {
        let locked = lock(json!({ "": {}, "node_modules/a": { "version": "1.0.0" } }));
        assert!(agree(&locked, &lock(json!({ "node_modules/a": { "version": "1.0.0" } }))));
        assert!(!agree(&locked, &lock(json!({ "node_modules/a": { "version": "1.0.1" } }))));
        assert!(!agree(&locked, &lock(json!({}))));
    }

    #[test]
    fn other_platforms_may_be_absent() {
        let locked = lock(json!({ "node_modules/b": { "version": "1.0.0", "optional": true } }));
        assert!(agree(&locked, &lock(json!({}))));
    }
}
