//! The filter and the loaded entries of the audit log. The module `choices` computes what the filter offers.

pub mod choices;
#[cfg(test)]
mod tests;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pinlatch_protocol::audit::{AuditEntry, AuditFilter, AuditPage};

/// The number of entries that the panel loads with one call.
pub const PAGE: u32 = 50;

/// Returns the query of a call that loads the entries of a filter. If `before` is given, the call loads only entries
/// with a smaller sequence number.
pub fn query(filter: &AuditFilter, before: Option<u64>) -> String {
    let text = |name, value: &Option<String>| value.as_ref().map(|value| (name, encoded(value)));
    let number = |name, value: Option<u64>| value.map(|value| (name, value.to_string()));
    let pairs = [
        text("actor", &filter.actor),
        text("act", &filter.act),
        text("target", &filter.target),
        text("about", &filter.about),
        text("outcome", &filter.outcome),
        number("since_ms", filter.since_ms),
        number("until_ms", filter.until_ms),
        number("before", before),
    ];
    let pairs: Vec<String> =
        pairs.into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Reads the filter from the query of the page's URL, for example `?target=porch/`.
pub fn wanted(query: &str) -> AuditFilter {
    let value = |name: &str| {
        let pairs = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value).next()?;
        let text = percent_decode_str(found).decode_utf8().ok()?.into_owned();
        (!text.is_empty()).then_some(text)
    };
    AuditFilter {
        actor: value("actor"),
        act: value("act"),
        target: value("target"),
        about: value("about"),
        outcome: value("outcome"),
        ..AuditFilter::default()
    }
}

/// Returns the trimmed text of a field. Returns `None` if the text is empty.
pub fn field(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The loaded entries of the filter, newest first. No entry is missing between two loaded entries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    pub entries: Vec<AuditEntry>,
    /// The value of `before` for the next call, or `None` if all entries are loaded.
    pub next: Option<u64>,
    /// The number of days for which the site stores entries.
    pub keep_days: u32,
    /// The sequence number of the newest entry of the whole log.
    head: Option<u64>,
}

impl Log {
    /// Whether the log of the site has new entries since the last call.
    pub fn is_behind(&self, page: &AuditPage) -> bool {
        page.head.as_ref().map(|head| head.seq) != self.head
    }

    /// Adds the newest entries. Returns the number of entries that were not loaded before.
    pub fn newest(&mut self, page: AuditPage) -> usize {
        self.keep_days = page.keep_days;
        self.head = page.head.as_ref().map(|head| head.seq);
        let Some(last) = self.entries.first().map(|entry| entry.seq) else {
            self.entries = page.entries;
            self.next = page.next;
            return self.entries.len();
        };
        let fresh: Vec<AuditEntry> = page.entries.iter().filter(|entry| entry.seq > last).cloned().collect();
        let count = fresh.len();
        // If all received entries are new and more entries follow, entries may be missing. The entries that were loaded
        // earlier are therefore dropped.
        if count > 0 && count == page.entries.len() && page.next.is_some() {
            self.entries = page.entries;
            self.next = page.next;
        } else {
            self.entries.splice(0..0, fresh);
        }
        count
    }

    /// Adds the next older entries.
    pub fn older(&mut self, page: AuditPage) {
        let before = self.entries.last().map_or(u64::MAX, |entry| entry.seq);
        self.entries.extend(page.entries.into_iter().filter(|entry| entry.seq < before));
        self.next = page.next;
    }
}

/// Returns the last sequence number of an exported part, if older entries may follow.
pub fn export_goes_on(lines: &str) -> Option<u64> {
    let last = lines.lines().rev().find(|line| !line.trim().is_empty())?;
    let seq = serde_json::from_str::<AuditEntry>(last).ok()?.seq;
    (seq > 1).then_some(seq)
}
