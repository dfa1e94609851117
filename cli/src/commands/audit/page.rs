//! Prints a page of the audit log: sentences in 80 columns, or a table with all ids.

use pinlatch_protocol::audit::words::Sentence;
use pinlatch_protocol::audit::{AuditEntry, AuditPage};

use crate::terminal::columns::columns;
use crate::terminal::text::{plain, wrap};
use crate::terminal::times::stamp_ms;

/// The columns for the sentence and the outcome of an entry. With the time, a line has 80 columns.
const ROOM: usize = 68;

/// The maximum width of the column with the outcomes.
const OUTCOMES: usize = 26;

pub fn as_text(page: &AuditPage, ids: bool) -> String {
    let mut text = if ids { table(&page.entries) } else { sentences(&page.entries) };
    if let Some(next) = page.next {
        text.push_str(&format!("\nTo show older entries, add --before {next}\n"));
    }
    text.push_str(&format!("\nThe edge stores log entries for {} days.", page.keep_days));
    if let Some(head) = &page.head {
        text.push_str(&format!(
            "\nThe last entry of the hash chain is number {} with the hash\n{}:{}",
            head.seq, head.seq, head.hash
        ));
    }
    text
}

/// Formats entries as lines with the time, the sentence and the outcome. Each day has a heading.
fn sentences(entries: &[AuditEntry]) -> String {
    let lines: Vec<(String, Sentence)> =
        entries.iter().map(|entry| (stamp_ms(entry.at_ms), Sentence::of(entry))).collect();
    let outcomes = lines.iter().map(|(_, sentence)| sentence.outcome.chars().count());
    let outcomes = outcomes.max().unwrap_or(0).min(OUTCOMES);
    let room = ROOM - outcomes - 2;
    let mut text = String::new();
    let mut last = "";
    for (stamp, sentence) in &lines {
        let (day, time) = day_and_time(stamp);
        if day != last {
            let gap = if last.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}{day} (UTC)\n"));
            last = day;
        }
        let happened = sentence.happened_ms.map(|ms| happened(&stamp_ms(ms), stamp)).unwrap_or_default();
        // The texts can contain words of an unknown person.
        let what = plain(&format!("{}{happened}", sentence.line()));
        let (what, outcome) = (wrap(&what, room), wrap(&plain(&sentence.outcome), OUTCOMES));
        for row in 0..what.len().max(outcome.len()) {
            let cell = |lines: &[String]| lines.get(row).cloned().unwrap_or_default();
            let time = if row == 0 { time } else { "" };
            let line = format!("  {time:<8}  {:<room$}  {}", cell(&what), cell(&outcome));
            text.push_str(&format!("{}\n", line.trim_end()));
        }
    }
    text
}

fn day_and_time(stamp: &str) -> (&str, &str) {
    let (day, time) = stamp.split_once('T').unwrap_or((stamp, ""));
    (day, time.trim_end_matches('Z'))
}

/// Names the time of an event that was reported later, for example `, at 14:03:12, reported at 14:20:05`.
fn happened(stamp: &str, reported: &str) -> String {
    let ((day, time), (reported_day, reported_time)) = (day_and_time(stamp), day_and_time(reported));
    let day = if day == reported_day { String::new() } else { format!(" on {day}") };
    format!(",{day} at {time}, reported at {reported_time}")
}

/// Formats entries as a table with the technical ids. The table has a column for the time of the recorded events, if an
/// entry has such a time.
fn table(entries: &[AuditEntry]) -> String {
    let ids = |entry: &AuditEntry| {
        [
            entry.seq.to_string(),
            stamp_ms(entry.at_ms),
            entry.actor.clone(),
            entry.act.clone(),
            entry.target.clone(),
            entry.args.clone().unwrap_or_default(),
            entry.outcome.clone(),
            entry.jti.clone().unwrap_or_default(),
        ]
    };
    let [seq, at, actor, act, target, args, outcome, token] =
        ["SEQ", "AT", "ACTOR", "ACT", "TARGET", "ARGS", "OUTCOME", "TOKEN"];
    if entries.iter().all(|entry| entry.happened_ms.is_none()) {
        return columns([seq, at, actor, act, target, args, outcome, token], entries.iter().map(ids));
    }
    let rows = entries.iter().map(|entry| {
        let [seq, at, actor, act, target, args, outcome, token] = ids(entry);
        let happened = entry.happened_ms.map(stamp_ms).unwrap_or_default();
        [seq, at, happened, actor, act, target, args, outcome, token]
    });
    columns([seq, at, "HAPPENED", actor, act, target, args, outcome, token], rows)
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::audit::{AUDIT_VERSION, AuditHead};

    use super::*;

    const NOON: u64 = 1_782_907_200_000;

    fn entry(seq: u64, at_ms: u64) -> AuditEntry {
        AuditEntry {
            seq,
            at_ms,
            actor: "owner".into(),
            act: "command".into(),
            target: "porch/lamp:set".into(),
            outcome: "executed".into(),
            hash: "00".repeat(32),
            ..AuditEntry::default()
        }
    }

    fn page(entries: Vec<AuditEntry>) -> AuditPage {
        let head = AuditHead { seq: 3, hash: "00".repeat(32) };
        AuditPage { entries, head: Some(head), next: None, keep_days: 90 }
    }

    #[test]
    fn entries_are_sentences_in_80_columns() {
        let lamp = AuditEntry {
            version: Some(AUDIT_VERSION),
            line_kind: Some("switch".into()),
            args: Some(r#"{"value":true}"#.into()),
            ..entry(3, NOON + 3_000)
        };
        let door = AuditEntry {
            actor: "token:NdS_XrBjabc".into(),
            actor_name: Some("Courier on Friday".into()),
            actor_kind: Some("guest".into()),
            target: "porch/front-door:pulse".into(),
            line_kind: Some("momentary".into()),
            args: Some(r#"{"ms":3000}"#.into()),
            outcome: "refused_interlock".into(),
            ..lamp.clone()
        };
        let text = as_text(&page(vec![lamp, door, entry(1, NOON - 86_400_000)]), false);
        let log = text.split("\n\nThe edge").next().unwrap();
        assert_eq!(
            log,
            "2026-07-01 (UTC)
  12:00:03  owner switched Lamp (Porch) on            done
  12:00:03  Courier on Friday (guest link) tried to   refused: an interlocked
            open Front door (Porch) for 3 s           line was on

2026-06-30 (UTC)
  12:00:00  owner set Lamp (Porch)                    done"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.ends_with(&format!("3:{}", "00".repeat(32))), "{text}");
    }

    #[test]
    fn a_late_report_of_a_rule_has_both_times() {
        let rule = |happened_ms| AuditEntry {
            version: Some(AUDIT_VERSION),
            actor: "rule:exit".into(),
            act: "rule".into(),
            target: "porch/door:pulse".into(),
            line_kind: Some("momentary".into()),
            args: Some(r#"{"ms":3000}"#.into()),
            happened_ms: Some(happened_ms),
            ..entry(3, NOON)
        };
        let page = page(vec![rule(NOON - 1_000), rule(NOON - 1_008_000), rule(NOON - 86_400_000)]);
        let text = as_text(&page, false);
        let log = text.split("\n\nThe edge").next().unwrap();
        assert_eq!(
            log,
            "2026-07-01 (UTC)
  12:00:00  Exit (rule) opened Door (Porch) for 3 s                         done
  12:00:00  Exit (rule) opened Door (Porch) for 3 s, at 11:43:12, reported  done
            at 12:00:00
  12:00:00  Exit (rule) opened Door (Porch) for 3 s, on 2026-06-30 at       done
            12:00:00, reported at 12:00:00"
        );
        let table = as_text(&page, true);
        assert!(table.contains("HAPPENED") && table.contains("2026-07-01T11:43:12Z"), "{table}");
    }

    #[test]
    fn the_words_of_a_stranger_are_shown_as_they_are() {
        let odd = AuditEntry { actor: "https://a.example#\u{1b}[2J".into(), ..entry(3, NOON) };
        let text = as_text(&page(vec![odd.clone()]), false);
        assert!(text.contains("https://a.example#\\u001b[2J set Lamp (Porch)"), "{text}");
        let table = as_text(&page(vec![odd]), true);
        assert!(table.contains("https://a.example#\\u001b[2J  command  porch/lamp:set"), "{table}");
    }
}
