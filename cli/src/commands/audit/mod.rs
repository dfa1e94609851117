//! Implements `pinlatch audit`, which shows, exports and verifies the audit log.

mod chain;
mod page;
mod receipts;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use pinlatch_protocol::audit::{
    AuditEntry, AuditFilter, AuditHead, AuditPage, RETENTION_DAYS, RetentionRequest,
};
use pinlatch_protocol::endpoint::Endpoint;
use serde::de::IgnoredAny;
use serde_json::json;
use url::form_urlencoded::Serializer;

use self::chain::Chain;
use self::receipts::{Files, Known};
use crate::edge::api::parse;
use crate::edge::session::api;
use crate::terminal::output::{print, print_json_line, print_refusal, warn};
use crate::terminal::times::{Moment, now};

/// The maximum size of a log that `audit verify` reads, in bytes. A busy site needs about ten years to write a log of 4
/// GiB.
const MOST: u64 = 4 << 30;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Audit {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Verify an exported audit log offline. The hash chain shows whether an entry was changed, removed or added. The
    /// receipts in the log show whether the devices confirm the outcomes of commands.
    Verify(Verify),
    /// Set the number of days for which the edge stores log entries. Only an owner can change the number of days.
    Keep {
        /// The number of days for which the edge stores log entries.
        #[arg(value_parser = clap::value_parser!(u32).range(range()))]
        days: u32,
    },
}

#[derive(clap::Args)]
struct Wanted {
    /// Show only entries of this actor. An actor is a user name, ISSUER#SUBJECT, device:NAME, rule:NAME or
    /// site:reconcile.
    #[arg(long)]
    actor: Option<String>,
    /// Show only entries with this act, such as command, rule, login, invite or mint.
    #[arg(long)]
    act: Option<String>,
    /// Show only entries about this device, line, person or token, such as porch, porch/door or ann.
    #[arg(long)]
    target: Option<String>,
    /// Show only entries whose target contains this text, such as door, in upper or lower case.
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// Show only entries with this outcome, such as executed, done or an error code. Several outcomes are separated by
    /// commas.
    #[arg(long)]
    outcome: Option<String>,
    /// Show only entries since this time. TIME is an RFC 3339 time, or a duration before now such as 2h.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Show only entries before this time. TIME is an RFC 3339 time, or a duration before now such as 2h.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Show only entries whose number is below SEQ. Use this option to show the next page of older entries.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// Show at most N entries, starting with the newest entry.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Show a table with the ids of actors, targets and tokens instead of sentences.
    #[arg(long, conflicts_with = "jsonl")]
    ids: bool,
    /// Export all matching entries as JSON Lines, starting with the newest entry. The command `audit verify` reads the
    /// exported entries.
    #[arg(long, conflicts_with = "limit")]
    jsonl: bool,
}

#[derive(clap::Args)]
struct Verify {
    /// The file with the output of `pinlatch audit --jsonl`, or `-` for stdin. A log that was exported with filters has
    /// gaps and cannot be verified.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The number and the hash of an entry, as printed by an earlier verification. The exported log must contain the
    /// given entry. The option can be given several times.
    #[arg(long = "head", value_name = "SEQ:HASH", value_parser = head)]
    heads: Vec<AuditHead>,
    #[command(flatten)]
    files: Files,
}

fn range() -> std::ops::RangeInclusive<i64> {
    i64::from(*RETENTION_DAYS.start())..=i64::from(*RETENTION_DAYS.end())
}

fn head(text: &str) -> Result<AuditHead, String> {
    let (seq, hash) = text.split_once(':').ok_or("write the number and the hash of the entry as SEQ:HASH")?;
    let seq = seq.parse().map_err(|_| format!("{seq:?} is not a number"))?;
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the hash must have 64 hexadecimal digits".into());
    }
    Ok(AuditHead { seq, hash: hash.to_ascii_lowercase() })
}

pub fn run(audit: &Audit, json: bool) -> Result<ExitCode> {
    match &audit.command {
        None => show(&audit.wanted, json)?,
        Some(AuditCommand::Verify(verify)) => return check(verify, json),
        Some(AuditCommand::Keep { days }) => keep(*days, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(wanted: &Wanted, json: bool) -> Result<()> {
    let now_ms = now()?.saturating_mul(1000);
    if wanted.jsonl {
        return export(wanted, now_ms);
    }
    let query = wanted.query(wanted.before, now_ms);
    let page: AuditPage = api()?.call_with(&Endpoint::ReadAudit, &query)?;
    print(json, &page, &page::as_text(&page, wanted.ids))
}

/// Prints all matching entries. The edge sends the entries in pages. Each request asks for the entries that are older
/// than the last received entry.
fn export(wanted: &Wanted, now_ms: u64) -> Result<()> {
    let mut before = wanted.before;
    loop {
        let mut last = None;
        let query = wanted.query(before, now_ms);
        api()?.lines(&Endpoint::ReadAudit, &query, |line| {
            let entry: AuditEntry = parse(line)?;
            last = Some(entry.seq);
            print_json_line(line)
        })?;
        match last {
            Some(seq) if seq > 1 && before != last => before = last,
            _ => return Ok(()),
        }
    }
}

impl Wanted {
    fn query(&self, before: Option<u64>, now_ms: u64) -> String {
        let filter = AuditFilter {
            before,
            actor: self.actor.clone(),
            act: self.act.clone(),
            target: self.target.clone(),
            about: self.about.clone(),
            outcome: self.outcome.clone(),
            since_ms: self.since.map(|since| since.before(now_ms)),
            until_ms: self.until.map(|until| until.before(now_ms)),
        };
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let limit = (!self.jsonl).then(|| self.limit.to_string());
        let parts = [
            ("before", number(filter.before)),
            ("limit", limit),
            ("actor", filter.actor),
            ("act", filter.act),
            ("target", filter.target),
            ("about", filter.about),
            ("outcome", filter.outcome),
            ("since_ms", number(filter.since_ms)),
            ("until_ms", number(filter.until_ms)),
        ];
        let mut query = Serializer::new(String::new());
        for (name, value) in parts {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }
}

fn keep(days: u32, json: bool) -> Result<()> {
    api()?.send::<IgnoredAny>(&Endpoint::RetainAudit, &RetentionRequest { days })?;
    let text = format!("The edge stores log entries for {days} days.");
    print(json, &json!({ "keep_days": days }), &text)
}

fn check(args: &Verify, json: bool) -> Result<ExitCode> {
    let mut entries = read(&args.file)?;
    entries.sort_by_key(|entry| entry.seq);
    let Chain { entries: count, from, to } = match chain::verify(&entries, &args.heads) {
        Ok(chain) => chain,
        Err(broken) => {
            let document = json!({ "ok": false, "seq": broken.seq(), "reason": broken.to_string() });
            print_refusal(json, &document, "pinlatch:", &format!("the hash chain is invalid: {broken}"))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let has_receipts = entries.iter().any(|entry| entry.receipt.is_some());
    let known = if has_receipts || args.files.are_given() { args.files.read()? } else { Known::default() };
    for reason in &known.skipped {
        warn(reason);
    }
    let report = receipts::check(&entries, &known);
    let AuditHead { seq, hash } = &to;
    let start = match from {
        1 => "The export contains the first entry of the log.".to_owned(),
        _ => format!(
            "The hash of entry {from} cannot be verified, because the export does not contain the previous entry."
        ),
    };
    let text = format!(
        "The hash chain is valid. It has {count} entries, from {from} to {seq}. {start} The last entry is {seq}:{hash}{}",
        report.text()
    );
    let mut document = json!({ "ok": report.faults.is_empty(), "entries": count, "from": from, "head": to, "receipts": report });
    let Some(fault) = report.faults.first() else {
        print(json, &document, &text)?;
        return Ok(ExitCode::SUCCESS);
    };
    let reason = format!("the receipt of entry {} is refused ({}): {}", fault.seq, fault.code, fault.reason);
    if let Some(members) = document.as_object_mut() {
        members.insert("seq".into(), json!(fault.seq));
        members.insert("reason".into(), json!(reason));
    }
    print(json, &document, &text)?;
    if !json {
        print_refusal(json, &document, "pinlatch:", &reason)?;
    }
    Ok(ExitCode::FAILURE)
}

/// Reads the entries of an exported log.
fn read(file: &Path) -> Result<Vec<AuditEntry>> {
    let cannot = || format!("cannot read {}", file.display());
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(MOST).read_to_string(&mut text).with_context(cannot)?;
    } else {
        File::open(file).with_context(cannot)?.take(MOST).read_to_string(&mut text).with_context(cannot)?;
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let wrong = || format!("{}: line {} is not an audit log entry", file.display(), index + 1);
            serde_json::from_str(line).with_context(wrong)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        audit: Audit,
    }

    fn query(args: &[&str]) -> Option<String> {
        let line = Line::try_parse_from([&["x"], args].concat()).ok()?;
        let wanted = line.audit.wanted;
        Some(wanted.query(wanted.before, 1_782_907_200_000))
    }

    #[test]
    fn filters_become_a_query() {
        assert_eq!(query(&[]).unwrap(), "limit=50");
        assert_eq!(
            query(&["--actor", "https://a.example#b c", "--since", "1h", "--until", "2026-07-01T12:00:00Z"])
                .unwrap(),
            "limit=50&actor=https%3A%2F%2Fa.example%23b+c&since_ms=1782903600000&until_ms=1782907200000"
        );
        assert_eq!(query(&["--jsonl", "--target", "porch/"]).unwrap(), "target=porch%2F");
        for wrong in
            [&["--limit", "0"][..], &["--since", "recently"], &["keep", "0"], &["keep", "4000"], &["verify"]]
        {
            assert_eq!(query(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_kept_head_is_a_number_and_a_hash() {
        let hash = "AB".repeat(32);
        assert_eq!(head(&format!("7:{hash}")), Ok(AuditHead { seq: 7, hash: "ab".repeat(32) }));
        for wrong in ["7", "x:ab", "7:ab", &format!("7:{}", "zz".repeat(32))] {
            assert!(head(wrong).is_err(), "{wrong}");
        }
    }
}
