//! Live events of a device, derived from two successive states.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{DeviceView, LineView};

const KEPT: usize = 50;

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The device came online.
    Came,
    /// The device went offline.
    Went,
    /// The agent's version changed.
    Version(String),
    Level {
        line: Name,
        /// The line with its new level.
        view: Box<LineView>,
    },
    /// A line's desired level changed.
    Desired {
        line: Name,
        kind: LineKind,
        /// `None` if it was cleared.
        desired: Option<Level>,
    },
    Pressed {
        line: Name,
        /// Whether it was a long press.
        long: bool,
    },
    /// A line was added.
    New(Name),
    /// A line was removed.
    Gone(Name),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: u64,
    /// Milliseconds of Unix time, by the browser's clock.
    pub at_ms: u64,
    pub change: Change,
}

/// The last `KEPT` changes of one device.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Events {
    last: Option<DeviceView>,
    kept: VecDeque<Event>,
    count: u64,
}

impl Events {
    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter()
    }

    /// Compares with the previous state. The first state gives no events.
    pub fn see(&mut self, device: &DeviceView, at_ms: u64) {
        if let Some(before) = self.last.replace(device.clone()) {
            for change in between(&before, device) {
                self.push(change, at_ms);
            }
        }
    }

    pub fn press(&mut self, line: Name, long: bool, at_ms: u64) {
        self.push(Change::Pressed { line, long }, at_ms);
    }

    fn push(&mut self, change: Change, at_ms: u64) {
        self.count += 1;
        self.kept.push_front(Event { id: self.count, at_ms, change });
        self.kept.truncate(KEPT);
    }
}

/// The differences between two states.
fn between(before: &DeviceView, after: &DeviceView) -> Vec<Change> {
    let mut found = Vec::new();
    match (before.online, after.online) {
        (false, true) => found.push(Change::Came),
        (true, false) => found.push(Change::Went),
        _ => {}
    }
    if let Some(version) = after.version.as_ref().filter(|_| before.version != after.version) {
        found.push(Change::Version(version.clone()));
    }
    let of =
        |device: &'_ DeviceView, name: &Name| device.lines.iter().find(|line| line.name == *name).cloned();
    for line in &after.lines {
        let Some(old) = of(before, &line.name) else {
            found.push(Change::New(line.name.clone()));
            continue;
        };
        if old.reported != line.reported {
            found.push(Change::Level { line: line.name.clone(), view: Box::new(line.clone()) });
        }
        if old.desired != line.desired {
            found.push(Change::Desired { line: line.name.clone(), kind: line.kind, desired: line.desired });
        }
    }
    for line in &before.lines {
        if of(after, &line.name).is_none() {
            found.push(Change::Gone(line.name.clone()));
        }
    }
    found
}
