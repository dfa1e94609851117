use super::*;
use pinlatch_protocol::audit::AuditHead;

fn entry(seq: u64) -> AuditEntry {
    AuditEntry {
        seq,
        at_ms: seq,
        actor: "ann".into(),
        act: "login".into(),
        target: "ann".into(),
        outcome: "done".into(),
        ..AuditEntry::default()
    }
}

fn page(seqs: &[u64], next: Option<u64>) -> AuditPage {
    let head = seqs.first().map(|seq| AuditHead { seq: *seq, hash: String::new() });
    AuditPage { entries: seqs.iter().map(|seq| entry(*seq)).collect(), head, next, keep_days: 90 }
}

fn seqs(log: &Log) -> Vec<u64> {
    log.entries.iter().map(|entry| entry.seq).collect()
}

#[test]
fn strangers_words_cannot_leave_their_field() {
    let filter = AuditFilter {
        actor: Some("https://issuer.example/#ann&act=x".into()),
        target: Some("porch/door".into()),
        since_ms: Some(5),
        ..AuditFilter::default()
    };
    let query = query(&filter, Some(9));
    assert_eq!(
        query,
        "actor=https%3A%2F%2Fissuer%2Eexample%2F%23ann%26act%3Dx&target=porch%2Fdoor&since_ms=5&before=9"
    );
    let read = wanted(&format!("?{query}"));
    assert_eq!((read.actor, read.target, read.since_ms), (filter.actor, filter.target, None));
    assert_eq!(wanted("?target=&act=%ff"), AuditFilter::default());
    assert_eq!(field("  "), None);
}

#[test]
fn news_are_put_before_what_is_here() {
    let mut log = Log::default();
    assert_eq!(log.newest(page(&[9, 8, 7], Some(7))), 3);
    assert!(!log.is_behind(&page(&[9, 8, 7], Some(7))));
    assert!(log.is_behind(&page(&[10, 9, 8], Some(8))));
    assert_eq!(log.newest(page(&[10, 9, 8], Some(8))), 1);
    assert_eq!((seqs(&log), log.next), (vec![10, 9, 8, 7], Some(7)));
    log.older(page(&[6, 5], None));
    assert_eq!((seqs(&log), log.next), (vec![10, 9, 8, 7, 6, 5], None));
    assert_eq!(log.newest(page(&[10, 9, 8], Some(8))), 0);
    assert_eq!(seqs(&log), [10, 9, 8, 7, 6, 5]);
}

#[test]
fn a_gap_is_never_hidden() {
    let mut log = Log::default();
    log.newest(page(&[3, 2, 1], None));
    // The log has 50 new entries, and the received page contains three of them.
    assert_eq!(log.newest(page(&[53, 52, 51], Some(51))), 3);
    assert_eq!((seqs(&log), log.next), (vec![53, 52, 51], Some(51)));
    // The received page contains all new entries, so no entry is missing.
    let mut log = Log::default();
    log.newest(page(&[], None));
    assert_eq!(log.newest(page(&[2, 1], None)), 2);
    assert_eq!(seqs(&log), [2, 1]);
}

#[test]
fn an_export_goes_on_until_the_first_entry() {
    let lines = |seqs: &[u64]| {
        seqs.iter().map(|seq| serde_json::to_string(&entry(*seq)).unwrap() + "\n").collect::<String>()
    };
    assert_eq!(export_goes_on(&lines(&[9, 8, 7])), Some(7));
    assert_eq!(export_goes_on(&lines(&[2, 1])), None);
    assert_eq!(export_goes_on(""), None);
    assert_eq!(export_goes_on("no entry\n"), None);
}
