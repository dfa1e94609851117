//! The live events of a device. An event is derived from two successive states of the device.

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
    /// The device did not answer a command.
    Silent,
    /// The device answers again.
    Answers,
    /// The agent's version changed.
    Version(String),
    Level {
        line: Name,
        /// The line with its new level.
        view: Box<LineView>,
    },
    /// The desired level of a line changed.
    Desired {
        line: Name,
        kind: LineKind,
        /// The new desired level, or `None` if the desired level was cleared.
        desired: Option<Level>,
    },
    Pressed {
        line: Name,
        /// Whether the press was long.
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
    /// The time of the event in milliseconds of Unix time, by the clock of the browser.
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
    /// Returns the events, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter()
    }

    /// Compares a state of the device with the previous state, and adds an event for each difference. The first state
    /// adds no events.
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

/// Returns the differences between two states of a device.
fn between(before: &DeviceView, after: &DeviceView) -> Vec<Change> {
    let mut found = Vec::new();
    match (before.online, after.online) {
        (false, true) => found.push(Change::Came),
        (true, false) => found.push(Change::Went),
        (false, false) => {}
        (true, true) => match (before.answering, after.answering) {
            (true, false) => found.push(Change::Silent),
            (false, true) => found.push(Change::Answers),
            _ => {}
        },
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
        // A line that blinks changes its level several times, so only the start of the blinking is an event.
        if old.blinking != line.blinking || (old.reported != line.reported && !line.blinking) {
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
