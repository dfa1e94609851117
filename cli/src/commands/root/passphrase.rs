//! Decides whether a passphrase can protect a backup.

use anyhow::{Result, bail};
use pinlatch_protocol::api::Secret;

use crate::terminal::output::warn;

/// The minimum length of a passphrase, in characters. The password of an account is shorter (`MIN_PASSWORD`), because the
/// edge limits the number of attempts. A thief of a backup has no limit: one computer tries about one passphrase per
/// second and processor core, and a thief can rent thousands of cores.
const MIN_PASSPHRASE: usize = 16;

/// The maximum length of a passphrase, in bytes.
const MAX_PASSPHRASE: usize = 256;

/// Returns an error if a new passphrase is too weak, or if a person could not type it again.
pub fn require_good(passphrase: &Secret) -> Result<()> {
    let text = passphrase.expose();
    let length = text.chars().count();
    if length < MIN_PASSPHRASE {
        bail!(
            "the passphrase has {length} characters, but needs at least {MIN_PASSPHRASE}, for example six random words. \
             A thief of the backup can try passphrases without any limit"
        );
    }
    if text.len() > MAX_PASSPHRASE {
        bail!("the passphrase is longer than {MAX_PASSPHRASE} bytes; use a shorter one");
    }
    if text.chars().any(char::is_control) {
        bail!("the passphrase contains a line break or a control character; use one line of text");
    }
    if text.trim() != text {
        bail!("the passphrase begins or ends with a space, which is lost on paper; use another one");
    }
    if !text.is_ascii() {
        warn(
            "the passphrase contains other characters than ASCII, which another keyboard can lack or encode differently",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_long_and_can_be_typed_again() {
        for good in ["correct horse battery", "0123456789abcdef", "sechzehn Zeichen ä"] {
            assert!(require_good(&Secret::new(good)).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("", "at least 16"),
            ("0123456789abcde", "15 characters"),
            ("ääääääää", "8 characters"),
            (&"x".repeat(257), "256 bytes"),
            ("one line\nand another", "line break"),
            (" 0123456789abcdef", "space"),
        ] {
            let error = require_good(&Secret::new(bad)).unwrap_err().to_string();
            assert!(error.contains(reason), "{bad}: {error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn the_documentation_contains_the_minimum() {
        let page = include_str!("../../../../docs/keys-and-backups.md");
        assert!(page.contains(&format!("at least {MIN_PASSPHRASE} characters")));
    }
}
