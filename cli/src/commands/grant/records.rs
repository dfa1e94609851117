//! The owner's record of signed grants, `grants.json` in the configuration folder. The record contains neither the root
//! key nor a whole grant. `pinlatch grant revoke` finds the grants there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::ScopeSet;
use pinlatch_token::grant::Grant;
use serde::{Deserialize, Serialize};

use crate::edge::lock::Lock;
use crate::files::{config_dir, read_text, write_private};

const VERSION: u32 = 1;

/// One signed grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub id: String,
    pub site: Name,
    /// The thumbprint of the root key, because an owner can have several deployments.
    pub root: String,
    pub name: String,
    /// The thumbprint of the holder's key.
    pub thumbprint: String,
    pub scope: ScopeSet,
    pub issued: u64,
    pub not_before: u64,
    pub expires: u64,
    pub offline: bool,
}

impl Record {
    pub fn of(grant: &Grant, root: &str) -> Self {
        Self {
            id: grant.id.clone(),
            site: grant.site.clone(),
            root: root.into(),
            name: grant.name.clone(),
            thumbprint: grant.holder.thumbprint().into(),
            scope: grant.scope.clone(),
            issued: grant.issued,
            not_before: grant.not_before,
            expires: grant.expires,
            offline: grant.offline,
        }
    }
}

/// The file. An unknown member or version is an error, so that no command deletes data of a newer release.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    version: u32,
    grants: Vec<Record>,
}

pub fn file() -> Result<PathBuf> {
    Ok(config_dir()?.join("grants.json"))
}

/// Locks the record and the lists of revocations, until the result is dropped.
pub fn lock() -> Result<Lock> {
    Lock::acquire(&config_dir()?.join("grants.lock"))
}

/// Reads all records, in the order of signing. A missing file is the same as no records.
pub fn read(file: &Path) -> Result<Vec<Record>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let records: Option<Records> = serde_json::from_str(&read_text(file)?).ok();
    let records = records.filter(|records| records.version == VERSION).with_context(|| {
        format!(
            "{} is damaged, or a newer release of pinlatch wrote it; restore the file from a copy, or move it away to \
             start a new record. Grants that are in no record can be revoked with --holder or --all-before",
            file.display()
        )
    })?;
    Ok(records.grants)
}

/// Adds a record. The caller has the lock.
pub fn add(file: &Path, record: Record) -> Result<()> {
    let mut grants = read(file)?;
    grants.push(record);
    write_private(file, &serde_json::to_string_pretty(&Records { version: VERSION, grants })?)
}

#[cfg(test)]
mod tests {
    use pinlatch_token::HolderKey;

    use super::*;

    #[test]
    fn a_record_is_added_and_a_damaged_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/grants.json");
        assert_eq!(read(&file).unwrap(), []);
        let key = HolderKey::generate().unwrap();
        let site: Name = "home".parse().unwrap();
        let record = |name: &str| {
            let scope = "line:porch/door:pulse".parse().unwrap();
            Record::of(&Grant::new(&site, name, key.public().clone(), scope, 1_000), "root")
        };
        let (one, two) = (record("one"), record("two"));
        add(&file, one.clone()).unwrap();
        add(&file, two.clone()).unwrap();
        assert_eq!(read(&file).unwrap(), [one.clone(), two]);
        let text = std::fs::read_to_string(&file).unwrap();
        for damaged in [
            String::new(),
            text[..text.len() - 3].to_owned(),
            text.replace("\"version\": 1", "\"version\": 2"),
            text.replace("\"version\": 1", "\"version\": 1, \"more\": 1"),
        ] {
            std::fs::write(&file, &damaged).unwrap();
            let error = add(&file, one.clone()).unwrap_err().to_string();
            assert!(error.contains("is damaged") && error.contains("--all-before"), "{error}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged);
        }
    }
}
