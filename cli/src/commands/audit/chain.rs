//! Verifies the hash chain of the audit log. Only the entries of the log are needed for the verification.

use pinlatch_protocol::admin::{AuditEntry, AuditHead};
use serde_json::json;
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
            | Self::NoHead(seq)
            | Self::OtherHead(seq) => Some(*seq),
        }
    }
}

/// Verifies the hash chain from the oldest entry to the newest entry. `entries` can have any order, and must contain
/// every entry of `heads`. The hash of an entry depends on the previous entry. Therefore, the hash of the oldest entry
/// is verified only if this entry has the number 1.
pub fn verify(mut entries: Vec<AuditEntry>, heads: &[AuditHead]) -> Result<Chain, Broken> {
    entries.sort_by_key(|entry| entry.seq);
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Err(Broken::Empty) };
    if first.seq == 1 && link("", first) != first.hash {
        return Err(Broken::Altered(1));
    }
    for (before, entry) in entries.iter().zip(entries.iter().skip(1)) {
        if before.seq == entry.seq {
            return Err(Broken::Twice(entry.seq));
        }
        if entry.seq - before.seq > 1 {
            return Err(Broken::Gap(before.seq, entry.seq));
        }
        if link(&before.hash, entry) != entry.hash {
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

/// Computes the hash of an entry. The hash is the SHA-256 digest, in hexadecimal digits, of a JSON array. The JSON
/// array contains the hash of the previous entry and the fields of the current entry.
fn link(before: &str, entry: &AuditEntry) -> String {
    let AuditEntry { seq, at_ms, actor, jti, act, target, outcome, .. } = entry;
    let text = json!([before, seq, at_ms, actor, jti, act, target, outcome]).to_string();
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: u64) -> Vec<AuditEntry> {
        let mut before = String::new();
        let entry = |seq| {
            let mut entry = AuditEntry {
                seq,
                at_ms: 1_000 * seq,
                actor: "ann \"the owner\" é".into(),
                jti: (seq % 2 == 0).then(|| format!("j{seq}")),
                act: "command".into(),
                target: "porch/door:pulse".into(),
                outcome: "executed".into(),
                hash: String::new(),
            };
            entry.hash = link(&before, &entry);
            before.clone_from(&entry.hash);
            entry
        };
        (1..=count).map(entry).collect()
    }

    #[test]
    fn a_link_is_what_common_tools_compute() {
        let entry = AuditEntry {
            seq: 1,
            at_ms: 1_782_907_200_000,
            actor: "ann".into(),
            jti: None,
            act: "setup".into(),
            target: "ann".into(),
            outcome: "done".into(),
            hash: String::new(),
        };
        // The following shell command computes the expected hash:
        //
        // printf '["",1,1782907200000,"ann",null,"setup","ann","done"]' | sha256sum
        assert_eq!(link("", &entry), "ff3544a70226701e52fff6a3c39a701c88a96c4bca1a1459bb39225f7abee0fe");
    }

    #[test]
    fn a_whole_log_holds_in_any_order() {
        let mut log = log(5);
        let chain = verify(log.clone(), &[]).unwrap();
        assert_eq!((chain.entries, chain.from, chain.to.seq), (5, 1, 5));
        log.reverse();
        assert_eq!(verify(log, &[]), Ok(chain));
    }

    #[test]
    fn a_log_whose_beginning_is_forgotten_holds() {
        let part = log(5).split_off(2);
        assert_eq!(verify(part, &[]).unwrap().from, 3);
    }

    #[test]
    fn every_change_is_seen() {
        assert_eq!(verify(Vec::new(), &[]), Err(Broken::Empty));
        let changes: [fn(&mut AuditEntry); 7] = [
            |entry| entry.at_ms += 1,
            |entry| entry.actor = "ben".into(),
            |entry| entry.jti = Some("other".into()),
            |entry| entry.act = "login".into(),
            |entry| entry.target = "porch/lamp:set".into(),
            |entry| entry.outcome = "refused".into(),
            |entry| entry.hash = "00".repeat(32),
        ];
        for (index, seq) in [(0, 1), (2, 3), (4, 5)] {
            for change in changes {
                let mut log = log(5);
                change(&mut log[index]);
                assert_eq!(verify(log, &[]), Err(Broken::Altered(seq)));
            }
        }
        let mut gap = log(5);
        gap.remove(2);
        assert_eq!(verify(gap, &[]), Err(Broken::Gap(2, 4)));
        let mut twice = log(3);
        twice.push(twice[1].clone());
        assert_eq!(verify(twice, &[]), Err(Broken::Twice(2)));
    }

    #[test]
    fn a_log_that_was_rewritten_betrays_itself_by_a_head_that_was_kept() {
        let honest = log(5);
        let head = AuditHead { seq: 3, hash: honest[2].hash.clone() };
        assert!(verify(honest, std::slice::from_ref(&head)).is_ok());
        let mut rewritten = log(5);
        rewritten[1].actor = "ben".into();
        for index in 1..5 {
            rewritten[index].hash = link(&rewritten[index - 1].hash.clone(), &rewritten[index]);
        }
        assert!(verify(rewritten.clone(), &[]).is_ok(), "by itself it holds");
        assert_eq!(verify(rewritten, std::slice::from_ref(&head)), Err(Broken::OtherHead(3)));
        assert_eq!(verify(log(2), &[head]), Err(Broken::NoHead(3)), "cut short");
    }
}
