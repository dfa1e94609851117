//! Lists the programs that the guides in `docs/guides` use. The end-to-end tests run the commands of the guides as
//! written.

use super::report::{Report, program_report};
use super::system::Package;
use crate::paths;

/// The system packages of the programs, with one package for each program.
pub const PACKAGES: [Package; 3] =
    [Package::program("curl"), Package::program("jq"), Package::program("openssl")];

/// Returns the rows for these programs in the table of `cargo xtask doctor`.
pub fn reports() -> [Report; 3] {
    PACKAGES.map(|package| program_report(package.name, paths::on_path(package.name), &package))
}
