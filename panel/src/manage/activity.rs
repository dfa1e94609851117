//! The audit log in the panel: the filter and the loaded entries.

#[cfg(test)]
mod tests;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pinlatch_protocol::admin::{AuditEntry, AuditFilter, AuditPage};

/// Entries per page.
pub const PAGE: u32 = 50;

/// The query of a call for the entries of a filter, older than `before`.
pub fn query(filter: &AuditFilter, before: Option<u64>) -> String {
    let text = |name, value: &Option<String>| value.as_ref().map(|value| (name, encoded(value)));
    let number = |name, value: Option<u64>| value.map(|value| (name, value.to_string()));
    let pairs = [
        text("actor", &filter.actor),
        text("act", &filter.act),
        text("target", &filter.target),
        text("outcome", &filter.outcome),
        number("since_ms", filter.since_ms),
        number("until_ms", filter.until_ms),
        number("before", before),
    ];
    let pairs: Vec<String> =
        pairs.into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The filter in the page's address: `?target=porch/`.
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
        outcome: value("outcome"),
        ..AuditFilter::default()
    }
}

/// The trimmed text of a field; `None` if it is empty.
pub fn field(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The loaded entries of the filter, newest first and without a gap.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    pub entries: Vec<AuditEntry>,
    /// `before` of the next page; `None` if all entries are loaded.
    pub next: Option<u64>,
    /// Retention, in days.
    pub keep_days: u32,
    /// Sequence number of the newest entry of the whole log.
    head: Option<u64>,
}

impl Log {
    /// Whether the log has new entries since the last page.
    pub fn is_behind(&self, page: &AuditPage) -> bool {
        page.head.as_ref().map(|head| head.seq) != self.head
    }

    /// Adds a page of the newest entries; returns the number of new ones.
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
        // If the whole page is new and more entries follow, there may be a gap. The older entries are dropped.
        if count > 0 && count == page.entries.len() && page.next.is_some() {
            self.entries = page.entries;
            self.next = page.next;
        } else {
            self.entries.splice(0..0, fresh);
        }
        count
    }

    /// Adds the next page.
    pub fn older(&mut self, page: AuditPage) {
        let before = self.entries.last().map_or(u64::MAX, |entry| entry.seq);
        self.entries.extend(page.entries.into_iter().filter(|entry| entry.seq < before));
        self.next = page.next;
    }
}

/// The last sequence number of an export, if older entries may follow.
pub fn export_goes_on(lines: &str) -> Option<u64> {
    let last = lines.lines().rev().find(|line| !line.trim().is_empty())?;
    let seq = serde_json::from_str::<AuditEntry>(last).ok()?.seq;
    (seq > 1).then_some(seq)
}
