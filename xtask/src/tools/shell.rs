//! The programs that `docs/guides` use. The end-to-end tests follow the guides as written.

use super::{Report, program_report, system::Package};
use crate::paths;

/// One package for each program.
pub const PACKAGES: [Package; 3] = [
    Package::named("curl", || paths::on_path("curl").is_some()),
    Package::named("jq", || paths::on_path("jq").is_some()),
    Package::named("openssl", || paths::on_path("openssl").is_some()),
];

/// For `doctor`.
#[must_use]
pub fn reports() -> [Report; 3] {
    PACKAGES.map(|package| program_report(package.name, paths::on_path(package.name), &package))
}
