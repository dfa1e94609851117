//! Records which root keys have a backup, so that `pinlatch doctor` can remind of a missing backup. The record contains
//! no secret.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::files::{config_dir, write_private};
use crate::terminal::times::stamp;

/// The last backup of a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// The time in seconds of Unix time.
    pub at: u64,
    pub proof: Proof,
}

/// The command that proved that a backup exists and that its passphrase is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// `pinlatch root backup` made and decrypted the backup.
    Made,
    /// `pinlatch root restore` decrypted the backup.
    Restored,
}

impl LastBackup {
    pub fn sentence(&self) -> String {
        match self.proof {
            Proof::Made => format!("The last backup was made at {}.", stamp(self.at)),
            Proof::Restored => format!("A backup was last restored at {}.", stamp(self.at)),
        }
    }
}

/// Returns the last backup of the root key with this thumbprint. A missing or damaged record is the same as no backup,
/// because an unnecessary reminder does no harm.
pub fn find(thumbprint: &str) -> Option<LastBackup> {
    read().ok()?.remove(thumbprint)
}

/// Records a backup. The records of other root keys stay, because an owner can have several deployments.
pub fn keep(thumbprint: &str, backup: LastBackup) -> Result<()> {
    let mut backups = read().unwrap_or_default();
    backups.insert(thumbprint.to_owned(), backup);
    write_private(&file()?, &serde_json::to_string(&backups)?)
}

fn read() -> Result<BTreeMap<String, LastBackup>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(file()?)?)?)
}

fn file() -> Result<PathBuf> {
    Ok(config_dir()?.join("root-backups.json"))
}
