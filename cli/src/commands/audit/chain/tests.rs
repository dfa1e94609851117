use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The entry 1 of a log that an edge of the first release wrote. The following shell command computes the hash:
///
/// printf '["",1,1782907200000,"ann",null,"setup","ann","done"]' | sha256sum
const OLD: &str = r#"{"seq":1,"at_ms":1782907200000,"actor":"ann","act":"setup","target":"ann","outcome":"done","hash":"ff3544a70226701e52fff6a3c39a701c88a96c4bca1a1459bb39225f7abee0fe"}"#;

/// Verifies entries in any order, as `audit verify` does.
fn verify(mut entries: Vec<AuditEntry>, heads: &[AuditHead]) -> Result<Chain, Broken> {
    entries.sort_by_key(|entry| entry.seq);
    super::verify(&entries, heads)
}

fn linked(before: &str, mut entry: AuditEntry) -> AuditEntry {
    entry.hash = link(before, &entry).unwrap();
    entry
}

/// Returns an entry of the first version, or of the present version.
fn entry(seq: u64, is_new: bool) -> AuditEntry {
    let old = AuditEntry {
        seq,
        at_ms: 1_000 * seq,
        actor: "ann \"the owner\" é".into(),
        jti: seq.is_multiple_of(2).then(|| format!("j{seq}")),
        act: "command".into(),
        target: "porch/door:pulse".into(),
        outcome: "executed".into(),
        ..AuditEntry::default()
    };
    if !is_new {
        return old;
    }
    AuditEntry {
        version: Some(AUDIT_VERSION),
        actor_name: Some("Courier \"x\"".into()),
        actor_kind: Some("guest".into()),
        line_kind: seq.is_multiple_of(2).then(|| "momentary".into()),
        args: seq.is_multiple_of(2).then(|| "{\"ms\":3000}".into()),
        max_uses: seq.is_multiple_of(3).then_some(2),
        ..old
    }
}

/// Returns a log whose first `old` entries have the first version.
fn mixed(count: u64, old: u64) -> Vec<AuditEntry> {
    let mut log: Vec<AuditEntry> = Vec::new();
    for seq in 1..=count {
        let before = log.last().map_or("", |entry| entry.hash.as_str());
        log.push(linked(before, entry(seq, seq > old)));
    }
    log
}

fn log(count: u64) -> Vec<AuditEntry> {
    mixed(count, 0)
}

#[test]
fn a_link_is_what_common_tools_compute() {
    let old: AuditEntry = serde_json::from_str(OLD).unwrap();
    assert_eq!(link("", &old), Some(old.hash.clone()));
    let new = AuditEntry {
        version: Some(2),
        args: Some("{\"value\":true}".into()),
        target: "porch/lamp:set".into(),
        line_kind: Some("switch".into()),
        act: "command".into(),
        outcome: "executed".into(),
        ..old
    };
    // The following shell command computes the expected hash:
    //
    // printf '%s' '["pinlatch audit entry 2","",1,1782907200000,"ann",null,"command","porch/lamp:set","executed",null,null,"switch","{\"value\":true}",null,null,null]' | sha256sum
    assert_eq!(link("", &new).unwrap(), "eb0c5f69fb70f83046fd4590d8a41551d2b1dde990129b3b00a605cd832a91c8");
}

#[test]
fn a_whole_log_holds_in_any_order() {
    let mut log = mixed(5, 2);
    let chain = verify(log.clone(), &[]).unwrap();
    assert_eq!((chain.entries, chain.from, chain.to.seq), (5, 1, 5));
    log.reverse();
    assert_eq!(verify(log, &[]), Ok(chain));
}

#[test]
fn an_export_of_the_first_release_holds() {
    let old: AuditEntry = serde_json::from_str(OLD).unwrap();
    let next = linked(&old.hash, entry(2, false));
    assert!(verify(vec![old.clone(), next.clone()], &[]).is_ok());
    let newer = linked(&next.hash, entry(3, true));
    assert!(verify(vec![old, next, newer], &[]).is_ok(), "and one that continues after the update");
}

#[test]
fn a_log_whose_beginning_is_forgotten_holds() {
    let part = log(5).split_off(2);
    assert_eq!(verify(part, &[]).unwrap().from, 3);
}

#[test]
fn missing_and_repeated_entries_are_seen() {
    assert_eq!(verify(Vec::new(), &[]), Err(Broken::Empty));
    let mut gap = log(5);
    gap.remove(2);
    assert_eq!(verify(gap, &[]), Err(Broken::Gap(2, 4)));
    let mut twice = log(3);
    twice.push(twice[1].clone());
    assert_eq!(verify(twice, &[]), Err(Broken::Twice(2)));
}

#[test]
fn a_new_entry_cannot_pass_for_an_old_one() {
    let plain = |entry: &AuditEntry| AuditEntry { hash: entry.hash.clone(), ..self::entry(entry.seq, false) };
    for index in 0..5 {
        // Without its new fields, the entry has another hash.
        let mut stripped = log(5);
        stripped[index] = plain(&stripped[index]);
        assert!(verify(stripped, &[]).is_err(), "{index}");
        // With the hash of an old entry, the entry does not fit between new entries.
        let mut rewritten = log(5);
        for seq in index..5 {
            let before = if seq == 0 { String::new() } else { rewritten[seq - 1].hash.clone() };
            rewritten[seq] =
                linked(&before, if seq == index { plain(&rewritten[seq]) } else { rewritten[seq].clone() });
        }
        let expected = if index == 0 { None } else { Some(Broken::Downgraded(index as u64 + 1)) };
        assert_eq!(verify(rewritten, &[]).err(), expected, "{index}");
    }
    let mut extended = mixed(3, 3);
    extended[1].actor_name = Some("Courier".into());
    assert_eq!(verify(extended, &[]), Err(Broken::Altered(2)), "a name was added to an old entry");
    let mut newer = log(3);
    newer[1].version = Some(AUDIT_VERSION + 1);
    assert_eq!(verify(newer, &[]), Err(Broken::TooNew(2, AUDIT_VERSION + 1)));
}

#[test]
fn a_log_that_was_rewritten_betrays_itself_by_a_head_that_was_kept() {
    let honest = log(5);
    let head = AuditHead { seq: 3, hash: honest[2].hash.clone() };
    assert!(verify(honest, std::slice::from_ref(&head)).is_ok());
    let mut rewritten = log(5);
    rewritten[1].actor = "ben".into();
    for index in 1..5 {
        rewritten[index] = linked(&rewritten[index - 1].hash.clone(), rewritten[index].clone());
    }
    assert!(verify(rewritten.clone(), &[]).is_ok(), "by itself it holds");
    assert_eq!(verify(rewritten, std::slice::from_ref(&head)), Err(Broken::OtherHead(3)));
    assert_eq!(verify(log(2), &[head]), Err(Broken::NoHead(3)), "cut short");
}

/// The members of an exported entry, in both versions.
const MEMBERS: [&str; 16] = [
    "seq",
    "at_ms",
    "version",
    "actor",
    "jti",
    "act",
    "target",
    "outcome",
    "actor_name",
    "actor_kind",
    "line_kind",
    "args",
    "target_name",
    "target_kind",
    "max_uses",
    "hash",
];

#[test]
fn the_property_below_changes_every_member() {
    let all = AuditEntry {
        jti: Some("j".into()),
        line_kind: Some("switch".into()),
        args: Some("{}".into()),
        target_name: Some("t".into()),
        target_kind: Some("api".into()),
        max_uses: Some(1),
        ..entry(1, true)
    };
    let members: BTreeMap<String, Value> =
        serde_json::from_value(serde_json::to_value(all).unwrap()).unwrap();
    let mut expected = MEMBERS.map(str::to_owned);
    expected.sort();
    assert_eq!(members.into_keys().collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whichever member of whichever exported entry is changed, added or removed, the log no longer verifies.
    #[test]
    fn every_single_change_is_seen(
        old in 0u64..=6,
        index in 0usize..6,
        member in prop::sample::select(MEMBERS.to_vec()),
        value in prop_oneof![
            Just(Value::Null),
            (0u64..9).prop_map(Value::from),
            "[a-z0-9{}\":]{0,8}".prop_map(Value::from),
        ],
    ) {
        let honest = mixed(6, old);
        let mut json = serde_json::to_value(&honest[index]).unwrap();
        json[member] = value;
        // A text in place of a number is not an entry any more, so `audit verify` refuses the file.
        if let Ok(changed) = serde_json::from_value::<AuditEntry>(json)
            && changed != honest[index]
        {
            let mut log = honest;
            log[index] = changed;
            prop_assert!(verify(log, &[]).is_err());
        }
    }
}
