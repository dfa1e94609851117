//! What the pages of `docs/guides` use beside our own programs; the end-to-end tests follow them as they are written.

use anyhow::Result;

use super::{Report, Setup, apt_line, version_of};
use crate::paths;

/// Programs, which Debian's packages are named like.
const PROGRAMS: [&str; 3] = ["curl", "jq", "openssl"];

/// Finds them, or installs Debian's packages after permission.
pub fn ensure(setup: &Setup) -> Result<()> {
    let missing: Vec<&str> =
        PROGRAMS.into_iter().filter(|program| paths::on_path(program).is_none()).collect();
    if missing.is_empty() { Ok(()) } else { setup.apt_install("the tests of docs/guides", &missing) }
}

/// For `doctor`: a row for each.
#[must_use]
pub fn reports() -> [Report; 3] {
    PROGRAMS.map(|name| Report {
        name,
        found: paths::on_path(name).and_then(|path| Some((version_of(&path)?, path.display().to_string()))),
        needed: true,
        get: apt_line(&[name]),
    })
}
