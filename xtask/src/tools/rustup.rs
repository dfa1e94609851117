//! Standard libraries of other targets, from rustup.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::Result;

use super::{Setup, system::Consent};
use crate::{paths, process};

/// rustup without a network may hang rather than fail.
const LIMIT: Duration = Duration::from_secs(60);
/// After rustup failed it is not asked again for a day.
const REMEMBER_FAILURE: Duration = Duration::from_secs(24 * 3600);

/// Whether the toolchain in use has a target's standard library.
pub(super) fn has_target(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]).current_dir(paths::root());
    process::clean_cargo_env(&mut rustc);
    process::output_of(&mut rustc).is_ok_and(|dir| library_in(Path::new(&dir)).is_some())
}

/// `libstd-….rlib` in a folder.
pub(super) fn library_in(dir: &Path) -> Option<PathBuf> {
    fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// Tries to add a target, within a limit; remembers a failure so that warm starts stay quick. Whether the
/// toolchain in use has the target now.
pub(super) fn add_target(setup: &Setup, target: &str) -> Result<bool> {
    let memory = setup.cache.join(format!("rustup-{target}-failed"));
    let failed_lately = fs::metadata(&memory)
        .and_then(|meta| meta.modified())
        .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < REMEMBER_FAILURE));
    if failed_lately || setup.consent == Consent::Refused || paths::on_path("rustup").is_none() {
        return Ok(false);
    }
    let title = format!("rustup target add {target} (network)");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]).current_dir(paths::root());
    let added = process::within(LIMIT, &title, &mut rustup)? && has_target(target);
    if added {
        let _ = fs::remove_file(&memory);
    } else {
        fs::create_dir_all(&setup.cache)?;
        fs::write(&memory, "")?;
    }
    Ok(added)
}
