//! Collects the changes that a panel is not allowed to see. The panel receives one event for all of them, at most every
//! [`HIDDEN_EVERY_MS`], so that it cannot observe the times of the changes.

use std::cell::RefCell;
use std::collections::HashMap;

/// The shortest time between two events about hidden changes on one panel WebSocket, in milliseconds.
pub(crate) const HIDDEN_EVERY_MS: u64 = 10_000;

/// Sequence numbers of consecutive hidden events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub first: u64,
    pub last: u64,
}

#[derive(Debug, Clone, Copy)]
struct Hidden {
    range: Range,
    due_ms: u64,
}

/// The hidden events that were not reported to their panel yet, by the id of the panel's WebSocket. If they are lost,
/// the panel notices a missing event and requests a new snapshot.
#[derive(Default)]
pub(crate) struct HiddenChanges(RefCell<HashMap<String, Hidden>>);

impl HiddenChanges {
    /// Adds a hidden event, and returns the time at which the event must be reported. This time is a multiple of
    /// [`HIDDEN_EVERY_MS`], because a fixed delay would reveal the time of the event.
    pub fn add(&self, panel: &str, seq: u64, now_ms: u64) -> u64 {
        let mut panels = self.0.borrow_mut();
        let due_ms = (now_ms / HIDDEN_EVERY_MS).saturating_add(1).saturating_mul(HIDDEN_EVERY_MS);
        let hidden = panels
            .entry(panel.to_owned())
            .or_insert(Hidden { range: Range { first: seq, last: seq }, due_ms });
        hidden.range.last = seq;
        hidden.due_ms
    }

    /// Removes and returns the unreported events of a panel.
    pub fn take(&self, panel: &str) -> Option<Range> {
        self.0.borrow_mut().remove(panel).map(|hidden| hidden.range)
    }

    /// Removes and returns all events that must be reported now, with the ids of the panels' WebSockets.
    pub fn take_due(&self, now_ms: u64) -> Vec<(String, Range)> {
        let mut due = Vec::new();
        self.0.borrow_mut().retain(|panel, hidden| {
            let waits = hidden.due_ms > now_ms;
            if !waits {
                due.push((panel.clone(), hidden.range));
            }
            waits
        });
        due
    }

    pub fn next_due(&self) -> Option<u64> {
        self.0.borrow().values().map(|hidden| hidden.due_ms).min()
    }
}
