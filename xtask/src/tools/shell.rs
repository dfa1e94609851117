//! The programs that `docs/guides` use. The end-to-end tests execute the guides as written.

use super::{Report, program_report, system::Package};
use crate::paths;

/// The packages of the programs, one for each program.
pub const PACKAGES: [Package; 3] =
    [Package::program("curl"), Package::program("jq"), Package::program("openssl")];

/// For `doctor`.
#[must_use]
pub fn reports() -> [Report; 3] {
    PACKAGES.map(|package| program_report(package.name, paths::on_path(package.name), &package))
}
