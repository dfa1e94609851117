//! What happened on a device while somebody looks: told from two pictures of it.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{DeviceView, LineView};

/// How many are kept.
const KEPT: usize = 50;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The device came.
    Came,
    /// The device went.
    Went,
    /// Its agent has another version now.
    Version(String),
    /// A line's reported level changed.
    Level {
        /// The line.
        line: Name,
        /// The level as the device now reports it.
        view: Box<LineView>,
    },
    /// What is asked of a line changed.
    Desired {
        /// The line.
        line: Name,
        /// Its kind.
        kind: LineKind,
        /// What is asked for now.
        desired: Option<Level>,
    },
    /// A contact was pressed.
    Pressed {
        /// The contact.
        line: Name,
        /// Whether it was held for long.
        long: bool,
    },
    /// It has a line more.
    New(Name),
    /// It has a line less.
    Gone(Name),
}

/// A change, with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Tells it from the others.
    pub id: u64,
    /// When it was seen, milliseconds of Unix time.
    pub at_ms: u64,
    /// What.
    pub change: Change,
}

/// The last changes of one device, the newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Events {
    last: Option<DeviceView>,
    kept: VecDeque<Event>,
    count: u64,
}

impl Events {
    /// The last changes, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter()
    }

    /// Takes a new picture of the device. The first says only how it is.
    pub fn see(&mut self, device: &DeviceView, at_ms: u64) {
        if let Some(before) = self.last.replace(device.clone()) {
            for change in between(&before, device) {
                self.push(change, at_ms);
            }
        }
    }

    /// Takes a press of a contact.
    pub fn press(&mut self, line: Name, long: bool, at_ms: u64) {
        self.push(Change::Pressed { line, long }, at_ms);
    }

    fn push(&mut self, change: Change, at_ms: u64) {
        self.count += 1;
        self.kept.push_front(Event { id: self.count, at_ms, change });
        self.kept.truncate(KEPT);
    }
}

/// What differs between two pictures.
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
