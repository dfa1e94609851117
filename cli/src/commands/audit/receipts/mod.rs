//! Verifies the receipts in an exported audit log. A receipt is signed with the device's key, so the edge cannot make or
//! change one. The edge can only leave receipts out.
//!
//! Each receipt must be valid, and must agree with its entry. A missing number in a run of the agent is reported, but
//! proves nothing: a receipt can also get lost with a connection.

mod known;
mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use pinlatch_protocol::audit::AuditEntry;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Problem;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::statement::TimeSource;
use serde_json::{Map, Value};

pub use self::known::{Files, Known};
use self::known::{Lookup, Source};
pub use self::report::Report;
use self::report::{Fault, Gap, Late};

/// How much later than its entry a receipt can be in addition to the uncertainty of its time, in milliseconds. The device
/// and the edge round their times, and the edge's clock can be corrected between the two times.
const TOLERANCE_MS: u64 = 5_000;

/// A receipt that is older than its entry by more than this time is reported, in milliseconds. A report after an outage
/// of the connection can be older. A receipt that is used a second time is older too.
const LATE_MS: u64 = 300_000;

/// The prefix of an outcome that a late report of a device has corrected.
const AMENDED: &str = "amended_";

/// The receipts of one key of a device.
#[derive(Default)]
struct Runs {
    device: Option<Name>,
    /// The ids of the agent's runs, in the order of the log.
    order: Vec<String>,
    /// The numbers of the receipts in each run, with the entries that contain them.
    numbers: BTreeMap<String, BTreeMap<u64, u64>>,
    /// The entries of the receipts, by the id of the command.
    commands: BTreeMap<String, u64>,
}

/// The entries of commands without a receipt (time and number), by target, outcome and arguments. A later entry can
/// contain the receipt.
type Open = BTreeMap<(String, String, String), BTreeSet<(u64, u64)>>;

struct Checker<'a> {
    known: &'a Known,
    report: Report,
    /// The receipts by the thumbprint of the device's key.
    runs: BTreeMap<String, Runs>,
    open: Open,
    /// Whether the log contains its first entry.
    whole: bool,
}

/// Checks the receipts of entries with a valid hash chain, which are sorted by their numbers.
pub fn check(entries: &[AuditEntry], known: &Known) -> Report {
    let whole = entries.first().is_some_and(|entry| entry.seq == 1);
    let mut checker = Checker {
        known,
        report: Report { not_checked_because: known.why_none.clone(), ..Report::default() },
        runs: BTreeMap::new(),
        open: Open::new(),
        whole,
    };
    for entry in entries {
        checker.entry(entry);
    }
    checker.finish()
}

impl Checker<'_> {
    fn entry(&mut self, entry: &AuditEntry) {
        let outcome = entry.outcome.strip_prefix(AMENDED).unwrap_or(&entry.outcome);
        match (entry.act.as_str(), &entry.receipt) {
            ("command", None) if is_of_device(outcome) => {
                self.count_unproven(entry);
                if let Some(arguments) = arguments(entry.args.as_deref()) {
                    let key = (entry.target.clone(), outcome.to_owned(), canonical(&arguments));
                    self.open.entry(key).or_default().insert((entry.at_ms, entry.seq));
                }
            }
            ("command", Some(text)) => {
                if self.receipt(entry, outcome, text).is_none() && is_of_device(outcome) {
                    self.count_unproven(entry);
                }
            }
            ("receipt", Some(text)) => {
                if let Some(receipt) = self.receipt(entry, outcome, text) {
                    self.assign(entry, outcome, &receipt);
                }
            }
            ("receipt", None) => self.fault(entry, "no_receipt", "the entry has no receipt"),
            (_, Some(_)) => self.fault(entry, "wrong_entry", "an entry with this act has no receipt"),
            (_, None) => {}
        }
    }

    fn count_unproven(&mut self, entry: &AuditEntry) {
        *self.report.unproven.entry(line_of(entry).to_owned()).or_default() += 1;
    }

    fn fault(&mut self, entry: &AuditEntry, code: &'static str, reason: impl Into<String>) {
        self.report.faults.push(Fault { seq: entry.seq, code, reason: reason.into() });
    }

    /// Checks a receipt. Returns the receipt if it is valid and agrees with its entry.
    fn receipt(&mut self, entry: &AuditEntry, outcome: &str, text: &str) -> Option<Receipt> {
        let Some((device, line, action)) = target(&entry.target) else {
            self.fault(entry, "wrong_entry", "the target of the entry is not DEVICE/LINE:ACTION");
            return None;
        };
        let source = match self.known.find(text, &device) {
            Lookup::Found(source) => source,
            Lookup::Unknown => {
                *self.report.not_checked.entry(device).or_default() += 1;
                return None;
            }
            Lookup::OtherDevice(other) => {
                let text = format!("the receipt is of the device {other}, but the entry names {device}");
                self.fault(entry, "other_device", text);
                return None;
            }
        };
        let receipt = match Receipt::verify(text, &source.identity) {
            Ok(receipt) => receipt,
            Err(refusal) => {
                self.fault(entry, refusal.code(), format!("the receipt is refused: {refusal}"));
                return None;
            }
        };
        let contradiction = self
            .repetition(entry, source, &device, &receipt)
            .or_else(|| contradiction(entry, outcome, (line, action), &receipt, source));
        if let Some((code, reason)) = contradiction {
            self.fault(entry, code, reason);
            return None;
        }
        if receipt.moment.source != TimeSource::None {
            let late_ms = entry.at_ms.saturating_sub(receipt.moment.at_ms);
            if late_ms > LATE_MS {
                self.report.late.push(Late { seq: entry.seq, late_ms });
            }
        }
        let counted = self.report.devices.entry(device).or_default();
        counted.valid = counted.valid.saturating_add(1);
        Some(receipt)
    }

    /// Remembers the number and the command of a receipt. Returns an explanation if an earlier entry has the same ones.
    fn repetition(
        &mut self,
        entry: &AuditEntry,
        source: &Source,
        device: &Name,
        receipt: &Receipt,
    ) -> Option<(&'static str, String)> {
        let runs = self.runs.entry(source.identity.key.thumbprint().to_owned()).or_default();
        runs.device.get_or_insert_with(|| device.clone());
        let boot = &receipt.moment.boot;
        if !runs.numbers.contains_key(boot) {
            runs.order.push(boot.clone());
        }
        let numbers = runs.numbers.entry(boot.clone()).or_default();
        let same_number = numbers.insert(receipt.moment.n, entry.seq);
        let same_command = runs.commands.insert(receipt.command.clone(), entry.seq);
        if let Some(seq) = same_number {
            let text = format!("entry {seq} has a receipt with the same number in the same run of the agent");
            return Some(("repeated_receipt", text));
        }
        same_command
            .map(|seq| ("repeated_command", format!("entry {seq} has a receipt for the same command")))
    }

    /// Assigns a receipt with an entry of its own to an earlier command with the same target, outcome and arguments.
    fn assign(&mut self, entry: &AuditEntry, outcome: &str, receipt: &Receipt) {
        let key = (entry.target.clone(), outcome.to_owned(), canonical(&receipt.args));
        let earliest = earliest_entry(receipt);
        let open = self.open.get_mut(&key);
        let found = open.and_then(|open| {
            let command = open.range((earliest, 0)..).next().copied()?;
            open.remove(&command);
            Some(command)
        });
        match found {
            Some(_) => {
                if let Some(count) = self.report.unproven.get_mut(line_of(entry)) {
                    *count = count.saturating_sub(1);
                }
            }
            // The entry of the command can be older than the export.
            None if !self.whole => {}
            None => {
                let text = "no earlier command without a receipt has this target, outcome and arguments";
                self.fault(entry, "no_command", text);
            }
        }
    }

    fn finish(mut self) -> Report {
        for runs in self.runs.into_values() {
            let Some(device) = runs.device else { continue };
            let counted = self.report.devices.entry(device).or_default();
            counted.runs = counted.runs.saturating_add(runs.order.len());
            for (index, boot) in runs.order.iter().enumerate() {
                let Some(numbers) = runs.numbers.get(boot) else { continue };
                // The receipts of a run follow the receipts of the previous run of the same device. Only the beginning of
                // the first run can be older than the export.
                let starts_at = if self.whole || index > 0 { Some(1) } else { None };
                counted.gaps.extend(gaps(boot, numbers, starts_at));
            }
        }
        self.report.unproven.retain(|_, count| *count > 0);
        self.report
    }
}

/// Returns the missing numbers of a run. Without `starts_at`, the first number that was seen is the first expected one.
fn gaps(boot: &str, numbers: &BTreeMap<u64, u64>, starts_at: Option<u64>) -> Vec<Gap> {
    let mut expected = starts_at;
    let mut found = Vec::new();
    for &number in numbers.keys() {
        if let Some(from) = expected.filter(|from| *from < number) {
            found.push(Gap { boot: boot.to_owned(), from, to: number - 1 });
        }
        expected = number.checked_add(1);
    }
    found
}

/// Returns how a receipt contradicts its entry.
fn contradiction(
    entry: &AuditEntry,
    outcome: &str,
    (line, action): (&str, &str),
    receipt: &Receipt,
    source: &Source,
) -> Option<(&'static str, String)> {
    if receipt.line.as_str() != line {
        return Some(("other_line", format!("the receipt is of the line {}", receipt.line)));
    }
    if receipt.action != action {
        return Some(("other_action", format!("the receipt is of the action {}", receipt.action)));
    }
    let stated = outcome_of(receipt);
    if stated != outcome {
        return Some(("other_outcome", format!("the receipt says {stated}, but the entry says {outcome}")));
    }
    // The entry of a late receipt does not contain the arguments.
    if entry.act == "command" {
        let logged = arguments(entry.args.as_deref()).map(|args| canonical(&args));
        let stated = canonical(&receipt.args);
        if logged.as_ref() != Some(&stated) {
            let logged = logged.unwrap_or_else(|| "unreadable arguments".into());
            let text = format!("the receipt has the arguments {stated}, but the entry has {logged}");
            return Some(("other_arguments", text));
        }
    }
    if entry.at_ms < earliest_entry(receipt) {
        return Some(("later_than_entry", "the receipt was signed after the time of the entry".into()));
    }
    if source.is_replaced_at(entry.at_ms) {
        let text = "the receipt is signed with a key that was replaced before the time of the entry";
        return Some(("replaced_key", text.into()));
    }
    None
}

/// Returns the earliest time of an entry about the receipt's command, in milliseconds of Unix time.
fn earliest_entry(receipt: &Receipt) -> u64 {
    if receipt.moment.source == TimeSource::None {
        return 0;
    }
    let uncertainty_ms = receipt.moment.uncertainty_ms.unwrap_or_default();
    receipt.moment.at_ms.saturating_sub(uncertainty_ms).saturating_sub(TOLERANCE_MS)
}

/// Returns whether only the device can know this outcome of a command.
fn is_of_device(outcome: &str) -> bool {
    matches!(outcome, "executed" | "expired" | "refused") || outcome.starts_with("refused_")
}

/// Returns the outcome of a receipt in the words of the audit log.
fn outcome_of(receipt: &Receipt) -> String {
    match receipt.status {
        CommandStatus::Refused => Problem::refused(receipt.code.as_deref().unwrap_or_default()).code,
        status => status.as_str().to_owned(),
    }
}

/// Returns the device and the line of an entry, as DEVICE/LINE.
fn line_of(entry: &AuditEntry) -> &str {
    entry.target.rsplit_once(':').map_or(entry.target.as_str(), |(line, _)| line)
}

fn target(text: &str) -> Option<(Name, &str, &str)> {
    let (device, rest) = text.split_once('/')?;
    let (line, action) = rest.split_once(':')?;
    Some((Name::new(device).ok()?, line, action))
}

/// Reads the arguments of an entry. An entry without arguments has an empty object.
fn arguments(text: Option<&str>) -> Option<Map<String, Value>> {
    text.map_or_else(|| Some(Map::new()), |text| serde_json::from_str(text).ok())
}

/// Formats arguments so that equal values have equal texts, for example `1` and `1.0`.
fn canonical(arguments: &Map<String, Value>) -> String {
    fn same(value: &Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
            Value::Array(all) => all.iter().map(same).collect(),
            Value::Object(members) => sorted(members),
            other => other.clone(),
        }
    }
    fn sorted(members: &Map<String, Value>) -> Value {
        let members: BTreeMap<&String, Value> =
            members.iter().map(|(name, value)| (name, same(value))).collect();
        members.into_iter().map(|(name, value)| (name.clone(), value)).collect::<Map<_, _>>().into()
    }
    sorted(arguments).to_string()
}
