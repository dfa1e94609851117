//! Implements `pinlatch root restore`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pinlatch_token::SigningKey;
use serde_json::json;

use super::KeyFile;
use super::age_file::{AgeFile, MAX_FILE};
use super::record::{self, LastBackup, Proof};
use crate::files::{read_text, write_private};
use crate::terminal::output::{note, print, warn};
use crate::terminal::password::{passphrase, passphrase_line};
use crate::terminal::times::now;

#[derive(clap::Args)]
pub struct Restore {
    /// The file with the backup, or `-` to read the backup from stdin. Text around the backup is ignored.
    #[arg(value_name = "FILE|-")]
    backup: PathBuf,
    #[command(flatten)]
    key: KeyFile,
    /// Replace another root key. The replaced key is kept in a file next to it. Devices that trust the replaced key must
    /// enrol again to accept the restored key.
    #[arg(long)]
    force: bool,
    /// Read the passphrase from stdin instead of asking for it. If the backup also comes from stdin, the first line is the
    /// passphrase.
    #[arg(long)]
    passphrase_stdin: bool,
}

/// The change of the root key's file.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Written,
    Unchanged,
    /// The replaced key is in this file.
    Replaced(PathBuf),
}

pub fn run(args: &Restore, json: bool) -> Result<()> {
    let file = args.key.path()?;
    let is_stdin = args.backup.as_os_str() == "-";
    let early = (is_stdin && args.passphrase_stdin).then(passphrase_line).transpose()?;
    let bytes = if is_stdin { from_stdin()? } else { from_file(&args.backup)? };
    let name = || if is_stdin { "stdin".to_owned() } else { args.backup.display().to_string() };
    let backup = AgeFile::parse(&bytes).with_context(name)?;
    let passphrase = match early {
        Some(passphrase) => passphrase,
        None => passphrase(args.passphrase_stdin, false)?,
    };
    let text = backup.decrypt(&passphrase).with_context(name)?;
    let Ok(key) = SigningKey::from_jwk(text.expose().trim()) else {
        bail!(
            "{}: the file is decrypted, but it contains no root key (a private Ed25519 JWK); give a backup that `pinlatch root backup` made",
            name()
        );
    };
    let change = place(&file, &key, args.force)?;
    if let Err(error) = record::keep(key.kid(), LastBackup { at: now()?, proof: Proof::Restored }) {
        warn(&format!(
            "`pinlatch doctor` will not know of this backup, because it could not be recorded: {error:#}"
        ));
    }
    let kept = if let Change::Replaced(kept) = &change { Some(kept) } else { None };
    let document = json!({
        "root_thumbprint": key.kid(),
        "file": file,
        "changed": change != Change::Unchanged,
        "kept": kept,
    });
    print(json, &document, &sentence(&change, &key, &file))
}

fn sentence(change: &Change, key: &SigningKey, file: &Path) -> String {
    let (kid, file) = (key.kid(), file.display());
    match change {
        Change::Unchanged => format!("{file} already contains the root key {kid}. Nothing was changed."),
        Change::Written => format!("The root key {kid} is restored in {file}."),
        Change::Replaced(kept) => format!(
            "The root key {kid} is restored in {file}.\nThe replaced file is {}. Devices that trust another root key must enrol again.",
            kept.display()
        ),
    }
}

/// Writes the root key, unless its file already contains this key. Another key is replaced only with `force`.
fn place(file: &Path, key: &SigningKey, force: bool) -> Result<Change> {
    if !file.exists() {
        write_private(file, key.to_private_jwk().expose())?;
        return Ok(Change::Written);
    }
    let old_text = read_text(file)?;
    let old = SigningKey::from_jwk(old_text.trim()).ok();
    if old.as_ref().is_some_and(|old| old.kid() == key.kid()) {
        return Ok(Change::Unchanged);
    }
    if !force {
        match old {
            Some(old) => bail!(
                "{} contains another root key ({}) than the backup ({}). A device trusts one root key: the edge's keys that the restored key signs \
                 are refused by every device that trusts the other key, until you enrol the device again. \
                 To keep both, write the key to another file with --root-key. To replace the other key, use --force",
                file.display(),
                old.kid(),
                key.kid()
            ),
            None => bail!(
                "{} exists, but contains no root key; to replace it with the key of the backup ({}), use --force",
                file.display(),
                key.kid()
            ),
        }
    }
    let kept = kept_file(file, old.as_ref())?;
    write_private(&kept, &old_text)?;
    write_private(file, key.to_private_jwk().expose())?;
    Ok(Change::Replaced(kept))
}

/// Returns the file for the replaced key. The name contains the thumbprint, so no other replaced key is overwritten.
fn kept_file(file: &Path, old: Option<&SigningKey>) -> Result<PathBuf> {
    let name = file.file_name().with_context(|| format!("{} is not the path of a file", file.display()))?;
    let mut name = OsString::from(name);
    name.push(".");
    name.push(old.map_or("damaged", SigningKey::kid));
    Ok(file.with_file_name(name))
}

fn from_stdin() -> Result<Vec<u8>> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        note("Paste the text of the backup, then press Enter and Ctrl-D:");
    }
    limited(stdin).context("cannot read the backup from stdin")
}

fn from_file(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    limited(File::open(path).with_context(cannot)?).with_context(cannot)
}

/// Reads a file, or returns an error if the file is too large for a backup.
fn limited(input: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        bail!(
            "it is larger than {} KiB, so it is not a backup of a root key; give the file that `pinlatch root backup` made",
            MAX_FILE / 1024
        );
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn another_root_key_is_replaced_only_with_force_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/root.jwk");
        let (one, two, three) = (SigningKey::generate(), SigningKey::generate(), SigningKey::generate());
        assert_eq!(place(&file, &one, false).unwrap(), Change::Written);
        assert_eq!(place(&file, &one, false).unwrap(), Change::Unchanged);
        let error = place(&file, &two, false).unwrap_err().to_string();
        for part in [one.kid(), two.kid(), "--force", "enrol", "--root-key"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let kept = |key: &SigningKey| file.with_file_name(format!("root.jwk.{}", key.kid()));
        assert_eq!(place(&file, &two, true).unwrap(), Change::Replaced(kept(&one)));
        assert_eq!(place(&file, &three, true).unwrap(), Change::Replaced(kept(&two)));
        for (file, key) in [(&file, &three), (&kept(&one), &one), (&kept(&two), &two)] {
            assert_eq!(SigningKey::from_jwk(&fs::read_to_string(file).unwrap()).unwrap().kid(), key.kid());
        }
        fs::write(&file, "no key").unwrap();
        assert!(place(&file, &one, false).unwrap_err().to_string().contains("contains no root key"));
        let damaged = file.with_file_name("root.jwk.damaged");
        assert_eq!(place(&file, &one, true).unwrap(), Change::Replaced(damaged));
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let error = limited(io::repeat(b'x')).unwrap_err().to_string();
        assert!(error.contains("64 KiB") && error.contains("pinlatch root backup"), "{error}");
        assert_eq!(limited(io::repeat(b'x').take(MAX_FILE)).unwrap().len() as u64, MAX_FILE);
    }
}
