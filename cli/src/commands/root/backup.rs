//! Implements `pinlatch root backup`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::api::Secret;
use pinlatch_token::SigningKey;
use serde_json::json;

use super::age_file::{self, AgeFile};
use super::passphrase::require_good;
use super::record::{self, LastBackup, Proof};
use super::{KeyFile, read_key};
use crate::files::{require_absent, write_private};
use crate::terminal::output::{note, print, warn};
use crate::terminal::password::passphrase;
use crate::terminal::times::now;

#[derive(clap::Args)]
pub struct Backup {
    #[command(flatten)]
    key: KeyFile,
    /// The file to which the backup is written. Only you can read this file. [default: print the backup on stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file of --out if it exists.
    #[arg(long, requires = "out")]
    force: bool,
    /// Read the passphrase from stdin instead of asking for it twice.
    #[arg(long)]
    passphrase_stdin: bool,
}

pub fn run(args: &Backup, json: bool) -> Result<()> {
    let file = args.key.path()?;
    let key = read_key(&file)?;
    if let Some(out) = &args.out {
        require_free(out, &file, args.force)?;
    }
    let passphrase = passphrase(args.passphrase_stdin, true)?;
    require_good(&passphrase)?;
    let backup = age_file::encrypt(&key.to_private_jwk(), &passphrase)?;
    require_readable(&backup, &passphrase, &key)?;

    let at = now()?;
    let document = json!({
        "root_thumbprint": key.kid(),
        "at": at,
        "backup": args.out.is_none().then_some(&backup),
        "wrote": args.out,
    });
    match &args.out {
        Some(out) => {
            write_private(out, &backup)?;
            print(
                json,
                &document,
                &format!("The backup is in {}.\n\n{}", out.display(), explain(&key, Some(out))),
            )?;
        }
        None => {
            print(json, &document, &backup)?;
            if !json {
                note(&explain(&key, None));
            }
        }
    }
    // The backup exists, so a missing record must not make the command fail.
    if let Err(error) = record::keep(key.kid(), LastBackup { at, proof: Proof::Made }) {
        warn(&format!(
            "`pinlatch doctor` will not know of this backup, because it could not be recorded: {error:#}"
        ));
    }
    Ok(())
}

fn require_free(out: &Path, root_key: &Path, force: bool) -> Result<()> {
    if !force {
        return require_absent(out);
    }
    let is_root_key =
        fs::canonicalize(out).is_ok_and(|out| fs::canonicalize(root_key).is_ok_and(|key| key == out));
    if is_root_key {
        bail!("{} is the root key itself; give another file with --out", out.display());
    }
    Ok(())
}

/// Returns an error if the backup does not contain the root key. A backup is used years later, so a fault must be found
/// now.
fn require_readable(backup: &str, passphrase: &Secret, key: &SigningKey) -> Result<()> {
    let fault = "the new backup cannot be decrypted, so it is not stored; this is a bug of pinlatch, please report it";
    let text = AgeFile::parse(backup.as_bytes()).and_then(|file| file.decrypt(passphrase)).context(fault)?;
    let is_same = SigningKey::from_jwk(text.expose()).is_ok_and(|found| found.kid() == key.kid());
    if is_same { Ok(()) } else { bail!(fault) }
}

fn explain(key: &SigningKey, out: Option<&Path>) -> String {
    let name = out.map_or_else(|| "FILE".to_owned(), |out| out.display().to_string());
    format!(
        "This is the backup of the root key of a Pinlatch deployment. The thumbprint of the key is\n  \
         {}\n\
         The backup is encrypted with your passphrase. Keep the backup on another machine or print\n\
         it, and keep the passphrase in another place. Without the passphrase, the backup is useless.\n\
         To restore the root key, run `pinlatch root restore {name}`.\n\
         `age --decrypt {name}` prints the content of root.jwk.",
        key.kid()
    )
}
