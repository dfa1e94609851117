//! Reminds the owner of a missing backup of the root key.

use std::path::Path;

use pinlatch_token::SigningKey;

use super::check::Check;
use crate::commands::root::record;
use crate::files::root_key_file;

/// Checks that a backup of the root key was made. Without a root key on this machine, there is nothing to check. The
/// checks of `secrets.rs` report a damaged root key.
pub fn check(root_key: Option<&Path>) -> Option<Check> {
    let text = std::fs::read_to_string(root_key_file(root_key).ok()?).ok()?;
    let key = SigningKey::from_jwk(text.trim()).ok()?;
    Some(match record::find(key.kid()) {
        Some(backup) => Check::ok("backup", format!("the root key has a backup. {}", backup.sentence())),
        None => Check::warning(
            "backup",
            format!("no backup of the root key {} is recorded on this machine", key.kid()),
            "make a backup, and keep it on another machine or on paper: pinlatch root backup",
        )
        .coded("root_key_without_backup"),
    })
}
