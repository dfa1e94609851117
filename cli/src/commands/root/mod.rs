//! Implements `pinlatch root`, which makes a backup of the owner's root key, and restores the root key from a backup.
//!
//! A backup is an age file with a passphrase (`age_file.rs`). Its content is the text of `root.jwk`, so the program `age`
//! can also restore the key. The module `record` stores which root keys have a backup.

mod age_file;
mod backup;
mod passphrase;
pub mod record;
mod restore;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use pinlatch_token::SigningKey;
use serde_json::json;

use crate::files::{read_text, root_key_file};
use crate::terminal::output::print;

#[derive(Subcommand)]
pub enum RootCommand {
    /// Make a backup of the owner's root key. The backup is encrypted with a passphrase and can be printed. The program
    /// `age` can also decrypt it.
    Backup(backup::Backup),
    /// Restore the owner's root key from a backup. The command asks for the passphrase of the backup.
    Restore(restore::Restore),
    /// Show the thumbprint of the owner's root key, and the time of its last backup.
    Show(Show),
}

#[derive(clap::Args)]
pub struct Show {
    #[command(flatten)]
    file: KeyFile,
    /// Print only the public key as a JWK. With this key, everyone can verify the identities of devices.
    #[arg(long)]
    public: bool,
}

#[derive(clap::Args)]
pub struct KeyFile {
    /// The file with the owner's root key. [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

impl KeyFile {
    fn path(&self) -> Result<PathBuf> {
        root_key_file(self.root_key.as_deref())
    }
}

pub fn run(command: &RootCommand, json: bool) -> Result<()> {
    match command {
        RootCommand::Backup(args) => backup::run(args, json),
        RootCommand::Restore(args) => restore::run(args, json),
        RootCommand::Show(args) => show(args, json),
    }
}

fn show(args: &Show, json: bool) -> Result<()> {
    let path = args.file.path()?;
    let key = read_key(&path)?;
    if args.public {
        let jwk = key.public_jwk();
        return print(json, &jwk, &jwk.to_string());
    }
    let backup = record::find(key.kid());
    let text = format!(
        "The root key {} is in {}.\n{}",
        key.kid(),
        path.display(),
        match &backup {
            Some(backup) => backup.sentence(),
            None =>
                "No backup of this key is recorded on this machine. To make one, run `pinlatch root backup`."
                    .into(),
        }
    );
    print(json, &json!({ "root_thumbprint": key.kid(), "file": path, "backup": backup }), &text)
}

/// Reads the owner's root key.
pub fn read_key(file: &Path) -> Result<SigningKey> {
    if !file.exists() {
        bail!(
            "there is no root key at {}; give the file's path with --root-key, or restore the key from its backup with `pinlatch root restore`",
            file.display()
        );
    }
    SigningKey::from_jwk(read_text(file)?.trim()).with_context(|| file.display().to_string())
}
