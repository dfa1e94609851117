//! The result of the check of the receipts, and its text.

use std::collections::BTreeMap;

use pinlatch_protocol::name::Name;
use serde::Serialize;

use crate::terminal::colour::{Tone, paint};
use crate::terminal::text::plain;
use crate::terminal::times::spoken;

/// The maximum number of rows of each kind in the text. The JSON document contains all.
const MOST: usize = 20;

/// The result of the check of all receipts in a log.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The receipts that are refused or contradict their entries.
    pub faults: Vec<Fault>,
    pub devices: BTreeMap<Name, DeviceReport>,
    /// The number of receipts without an identity of their device.
    pub not_checked: BTreeMap<Name, u64>,
    /// The reason why no receipt was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_checked_because: Option<String>,
    /// The receipts that are much older than their entries.
    pub late: Vec<Late>,
    /// The number of outcomes without a valid receipt, by line.
    pub unproven: BTreeMap<String, u64>,
}

/// A receipt that is refused or contradicts its entry.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub seq: u64,
    /// The code of a refusal, or of the contradiction. It never changes.
    pub code: &'static str,
    pub reason: String,
}

/// The receipts of one device.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// The number of valid receipts.
    pub valid: u64,
    /// The number of runs of the agent.
    pub runs: usize,
    pub gaps: Vec<Gap>,
}

/// Missing receipts of one run of an agent.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub boot: String,
    pub from: u64,
    pub to: u64,
}

/// A receipt that is much older than its entry.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Late {
    pub seq: u64,
    pub late_ms: u64,
}

impl Report {
    /// Returns the text below the result of the hash chain, or an empty text if the log has no outcomes of devices.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (device, found) in &self.devices {
            let runs = if found.runs == 1 { "run" } else { "runs" };
            text.push_str(&format!(
                "\nReceipts of {device}: {} valid, from {} {runs} of the agent.",
                found.valid, found.runs
            ));
        }
        self.push_not_checked(&mut text);
        let faults = self.faults.iter().map(|fault| {
            let code = paint(Tone::Bad, fault.code);
            format!("entry {}: {code}: {}", fault.seq, plain(&fault.reason))
        });
        push(&mut text, "Receipts that are invalid or contradict their entries:", faults);
        let gaps = self.devices.iter().flat_map(|(device, found)| {
            found.gaps.iter().map(move |gap| format!("{device}: {}", gap.text()))
        });
        push(
            &mut text,
            "Missing receipts. A receipt can get lost with a power failure or a long outage, or the edge left it out:",
            gaps,
        );
        let late =
            self.late.iter().map(|late| format!("entry {}: {}", late.seq, spoken(late.late_ms / 1_000)));
        push(
            &mut text,
            "Receipts that are much older than their entries, for example after an outage:",
            late,
        );
        let unproven = self.unproven.iter().map(|(line, count)| format!("{}: {count}", plain(line)));
        push(&mut text, "Outcomes without a valid receipt, for which only the edge's word exists:", unproven);
        text
    }

    fn push_not_checked(&self, text: &mut String) {
        if let Some(why) = &self.not_checked_because {
            let count: u64 = self.not_checked.values().sum();
            if count > 0 {
                let sentence = format!("{} not checked: {}.", receipts(count), plain(why));
                text.push_str(&format!("\n{}", paint(Tone::Warning, &sentence)));
            }
            return;
        }
        for (device, count) in &self.not_checked {
            let sentence = format!(
                "{} of {device} not checked: there is no identity of the device; run `pinlatch device confirm {device}`.",
                receipts(*count)
            );
            text.push_str(&format!("\n{}", paint(Tone::Warning, &sentence)));
        }
    }
}

fn receipts(count: u64) -> String {
    if count == 1 { "1 receipt".into() } else { format!("{count} receipts") }
}

impl Gap {
    fn text(&self) -> String {
        let boot = plain(&self.boot);
        if self.from == self.to {
            return format!("receipt {} of the run {boot}", self.from);
        }
        format!("receipts {} to {} of the run {boot}", self.from, self.to)
    }
}

/// Adds a list with a title, if there are rows.
fn push(text: &mut String, title: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return;
    }
    text.push_str(&format!("\n{title}"));
    for row in rows.iter().take(MOST) {
        text.push_str(&format!("\n  {row}"));
    }
    if rows.len() > MOST {
        text.push_str(&format!("\n  and {} more, which --json prints", rows.len() - MOST));
    }
}
