//! Limits the questions of callers to devices, and the signed readings of devices that the panels get. A question writes
//! no row, so its limit is in memory. If the counts are lost, each caller can ask the questions of a minute again.

use std::cell::RefCell;
use std::collections::HashMap;

use pinlatch_protocol::name::Name;

use super::limit::{Limit, Used};

/// The number of questions per minute of a caller without a limit of commands per minute.
pub(crate) const PER_MINUTE: u32 = 600;

/// The limit of all questions to one device. An agent has the same limit.
pub(crate) const DEVICE: Limit = Limit { every_ms: 50, at_once: 300 };

/// The limit of the signed readings of one device that the panels get.
pub(crate) const REPORTED: Limit = Limit { every_ms: 200, at_once: 30 };

/// The number of stored callers and devices from which on those without recent questions are removed.
const MANY: usize = 1_024;

/// The subject of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    /// A caller, by a short digest.
    Caller(String),
    Questions(Name),
    Reports(Name),
}

/// The recent questions, and the recent readings of lines with the setting `signed`.
#[derive(Default)]
pub(crate) struct Questions(RefCell<HashMap<Subject, Used>>);

impl Questions {
    /// Counts a question. Returns the time in milliseconds until the caller can ask, if a limit is reached.
    pub fn admit(&self, caller: String, per_minute: u32, device: &Name, now_ms: u64) -> Result<(), u64> {
        let per_minute = u64::from(per_minute.max(1));
        let own = Limit { every_ms: 60_000 / per_minute, at_once: per_minute };
        let limits = [(Subject::Caller(caller), own), (Subject::Questions(device.clone()), DEVICE)];
        self.reserve(&limits, now_ms)
    }

    /// Counts a signed reading of a device. Returns whether the panels get it.
    pub fn admit_report(&self, device: &Name, now_ms: u64) -> bool {
        self.reserve(&[(Subject::Reports(device.clone()), REPORTED)], now_ms).is_ok()
    }

    /// Uses all limits, or none of them if one is reached.
    fn reserve(&self, limits: &[(Subject, Limit)], now_ms: u64) -> Result<(), u64> {
        let mut all = self.0.borrow_mut();
        if all.len() >= MANY {
            all.retain(|_, used| !used.is_free(now_ms));
        }
        let next = |(subject, limit): &(Subject, Limit)| {
            all.get(subject).copied().unwrap_or_default().next(*limit, now_ms)
        };
        let at_ms = limits.iter().map(next).max().unwrap_or(now_ms);
        if at_ms > now_ms {
            return Err(at_ms - now_ms);
        }
        for (subject, limit) in limits {
            all.entry(subject.clone()).or_default().reserve(*limit, now_ms);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_and_a_device_have_limits() {
        let (questions, porch) = (Questions::default(), Name::new("porch").unwrap());
        let ask =
            |caller: &str, per_minute, now_ms| questions.admit(caller.into(), per_minute, &porch, now_ms);
        assert!((0..60).all(|_| ask("guest", 60, 0).is_ok()));
        assert_eq!(ask("guest", 60, 0), Err(1_000));
        assert!(ask("guest", 60, 1_000).is_ok());
        // The refused question does not count with the device.
        let asked = (0..).take_while(|_| ask("owner", PER_MINUTE, 1_000).is_ok()).count();
        assert_eq!(u64::try_from(asked).unwrap(), DEVICE.at_once - 41);
        assert_eq!(ask("other", PER_MINUTE, 1_000), Err(DEVICE.every_ms));
    }
}
