//! Limits the events of lines and devices. Beyond a limit, only the latest level of a line is kept until the limit
//! allows the next event.

use std::cell::RefCell;
use std::collections::HashMap;

use pinlatch_protocol::name::Name;

use super::limit::{Limit, Used};
use crate::report::Report;

/// The limit of one line. The fastest sensor sends one reading per second. A long fade sends five levels per second,
/// and its first ten seconds are not limited.
pub(crate) const LINE: Limit = Limit { every_ms: 1_000, at_once: 60 };

/// The limit of all lines of one device together. All lines of a device ([`pinlatch_protocol::agent::MAX_LINES`]) can
/// change at once.
pub(crate) const DEVICE: Limit = Limit { every_ms: 50, at_once: 300 };

/// The limit of the `hello` messages of one device. One `hello` message can write a row for each line, but a device
/// with a bad connection sends many of them.
pub(crate) const HELLO: Limit = Limit { every_ms: 5_000, at_once: 60 };

/// The limit of the reports about rules of one device. After a long time without a connection, an agent sends many reports
/// at once.
pub(crate) const RUNS: Limit = Limit { every_ms: 100, at_once: 1_200 };

/// The reported state of a line, and its time in milliseconds of Unix time.
pub(crate) type TimedReport = (Report, u64);

/// The events of a line that wait until the limit allows an event.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Waiting {
    /// The latest reported state.
    pub report: Option<TimedReport>,
    /// The number of events that later events replaced, and of presses.
    pub dropped: u64,
}

/// The result of [`RecentEvents::admit`].
#[derive(Debug, PartialEq)]
pub(crate) enum Admission {
    Now,
    /// The event waits until this time, in milliseconds of Unix time.
    Until(u64),
    /// An earlier event of the line waits already. The event has replaced it.
    Replaced,
}

#[derive(Default)]
struct LineEvents {
    used: Used,
    waiting: Option<Waiting>,
}

#[derive(Default)]
struct DeviceEvents {
    used: Used,
    hellos: Used,
    runs: Used,
    lines: HashMap<Name, LineEvents>,
}

/// The recent events of all devices.
#[derive(Default)]
pub(crate) struct RecentEvents(RefCell<HashMap<Name, DeviceEvents>>);

impl RecentEvents {
    /// Decides when an event of a line can be published. `report` is `None` for a press, which never waits: beyond the
    /// limit, a press is only counted.
    pub fn admit(&self, device: &Name, line: &Name, report: Option<TimedReport>, now_ms: u64) -> Admission {
        let mut devices = self.0.borrow_mut();
        let events = devices.entry(device.clone()).or_default();
        let own = events.lines.entry(line.clone()).or_default();
        if let Some(waiting) = &mut own.waiting {
            let replaced = match report {
                Some(report) => waiting.report.replace(report).is_some(),
                None => true,
            };
            waiting.dropped += u64::from(replaced);
            return Admission::Replaced;
        }
        let at_ms = own.used.reserve(LINE, now_ms).max(events.used.reserve(DEVICE, now_ms));
        if at_ms <= now_ms {
            return Admission::Now;
        }
        own.waiting = Some(Waiting { report, dropped: report.is_none().into() });
        Admission::Until(at_ms)
    }

    /// Returns whether the device can send a `hello` message now.
    pub fn admit_hello(&self, device: &Name, now_ms: u64) -> bool {
        let mut devices = self.0.borrow_mut();
        let events = devices.entry(device.clone()).or_default();
        // A refused message does not count, so that an agent that sends too many messages is not refused permanently.
        let admitted = events.hellos.next(HELLO, now_ms) <= now_ms;
        if admitted {
            events.hellos.reserve(HELLO, now_ms);
            events.used.reserve(DEVICE, now_ms);
        }
        admitted
    }

    /// Returns whether a report about a rule of the device can be recorded now.
    pub fn admit_run(&self, device: &Name, now_ms: u64) -> bool {
        let mut devices = self.0.borrow_mut();
        let events = devices.entry(device.clone()).or_default();
        let is_admitted = events.runs.next(RUNS, now_ms) <= now_ms;
        if is_admitted {
            events.runs.reserve(RUNS, now_ms);
        }
        is_admitted
    }

    /// Replaces the waiting state of a line. The result is `false` if no event of the line waits.
    pub fn replace(&self, device: &Name, line: &Name, report: TimedReport) -> bool {
        let mut devices = self.0.borrow_mut();
        let own = devices.get_mut(device).and_then(|events| events.lines.get_mut(line));
        own.and_then(|own| own.waiting.as_mut()).map(|waiting| waiting.report = Some(report)).is_some()
    }

    /// Returns whether an event of the line waits.
    pub fn waits(&self, device: &Name, line: &Name) -> bool {
        let devices = self.0.borrow();
        devices.get(device).and_then(|events| events.lines.get(line)).is_some_and(|own| own.waiting.is_some())
    }

    /// Removes and returns the waiting events of a line.
    pub fn release(&self, device: &Name, line: &Name) -> Option<Waiting> {
        self.0.borrow_mut().get_mut(device)?.lines.get_mut(line)?.waiting.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_limits_of_events() {
        let docs = include_str!("../../../docs/edge.md");
        for text in [
            format!("{} at once, and then {} per second, per line", LINE.at_once, 1_000 / LINE.every_ms),
            format!(
                "{} at once, and then {} per second, per device",
                DEVICE.at_once,
                1_000 / DEVICE.every_ms
            ),
            format!(
                "{} `hello` messages at once, and then one every {} s",
                HELLO.at_once,
                HELLO.every_ms / 1_000
            ),
            format!(
                "{},{:03} reports about rules at once, and then {} per second",
                RUNS.at_once / 1_000,
                RUNS.at_once % 1_000,
                1_000 / RUNS.every_ms
            ),
        ] {
            assert!(docs.contains(&text), "{text}");
        }
    }
}
