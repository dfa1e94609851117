//! Verifies the hash chain of the audit log. Only the entries of the log are needed for the verification.

use pinlatch_protocol::audit::{AUDIT_VERSION, AuditEntry, AuditHead};
use sha2::{Digest, Sha256};

/// The properties of a valid hash chain.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    /// The number of entries in the chain.
    pub entries: usize,
    /// The number of the first entry. If the first entry's number is not 1, older entries have been deleted.
    pub from: u64,
    /// The number and the hash of the last entry.
    pub to: AuditHead,
}

/// The reason why a hash chain is invalid, with the number of the affected entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the exported log has no entries")]
    Empty,
    #[error(
        "the entries between entry {0} and entry {1} are missing; if the log was exported with filters, export it again without filters"
    )]
    Gap(u64, u64),
    #[error("entry {0} occurs twice")]
    Twice(u64),
    #[error("entry {0} or the previous entry was changed")]
    Altered(u64),
    #[error("entry {0} has an older form than the previous entry, so it was replaced")]
    Downgraded(u64),
    #[error("entry {0} has the form {1}, which is newer than this program; update pinlatch")]
    TooNew(u64, u32),
    #[error("the exported log does not contain entry {0}, which was given with --head")]
    NoHead(u64),
    #[error("the hash of entry {0} differs from the hash given with --head, so the log was rewritten")]
    OtherHead(u64),
}

impl Broken {
    /// Returns the number of the entry at which the hash chain is invalid.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Empty => None,
            Self::Gap(_, seq)
            | Self::Twice(seq)
            | Self::Altered(seq)
            | Self::Downgraded(seq)
            | Self::TooNew(seq, _)
            | Self::NoHead(seq)
            | Self::OtherHead(seq) => Some(*seq),
        }
    }
}

/// Verifies the hash chain from the oldest entry to the newest entry. A log can start with entries of the first version.
/// After an entry of the present version, every entry must have the present version. `entries` must be sorted by their
/// numbers, and must contain every entry of `heads`. The hash of an entry depends on the previous entry. Therefore, the hash of the oldest entry
/// is verified only if this entry has the number 1.
pub fn verify(entries: &[AuditEntry], heads: &[AuditHead]) -> Result<Chain, Broken> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Err(Broken::Empty) };
    for entry in entries {
        match entry.version {
            Some(version) if version > AUDIT_VERSION => return Err(Broken::TooNew(entry.seq, version)),
            // The hash of the oldest entry cannot be verified, but its form can.
            _ if entry.hashed_text("").is_none() => return Err(Broken::Altered(entry.seq)),
            _ => {}
        }
    }
    if first.seq == 1 && link("", first).as_ref() != Some(&first.hash) {
        return Err(Broken::Altered(1));
    }
    for (before, entry) in entries.iter().zip(entries.iter().skip(1)) {
        if before.seq == entry.seq {
            return Err(Broken::Twice(entry.seq));
        }
        if entry.seq - before.seq > 1 {
            return Err(Broken::Gap(before.seq, entry.seq));
        }
        if entry.version < before.version {
            return Err(Broken::Downgraded(entry.seq));
        }
        if link(&before.hash, entry).as_ref() != Some(&entry.hash) {
            return Err(Broken::Altered(entry.seq));
        }
    }
    for head in heads {
        match entries.iter().find(|entry| entry.seq == head.seq) {
            None => return Err(Broken::NoHead(head.seq)),
            Some(entry) if entry.hash != head.hash => return Err(Broken::OtherHead(head.seq)),
            Some(_) => {}
        }
    }
    let to = AuditHead { seq: last.seq, hash: last.hash.clone() };
    Ok(Chain { entries: entries.len(), from: first.seq, to })
}

/// Computes the hash of an entry, in hexadecimal digits. The result is `None` if the entry has no valid form.
fn link(before: &str, entry: &AuditEntry) -> Option<String> {
    let text = entry.hashed_text(before)?;
    Some(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
