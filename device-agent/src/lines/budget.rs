//! Limits the events of an input. An input outdoors can change many times per second, for example because of a loose
//! wire, and each event is stored and sent to every panel.

use std::time::Duration;

use tokio::time::Instant;

use crate::rate::{Rate, Used};

/// The rate of an input's events. An input has at most 10 events in each second.
pub const RATE: Rate = Rate { every: Duration::from_millis(200), at_once: 5 };
/// The time between two reports of the number of events that were left out.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The events of one input.
#[derive(Debug, Default)]
pub struct Budget {
    used: Used,
    left_out: u32,
    /// The time of the next report about events that were left out.
    report_at: Option<Instant>,
}

impl Budget {
    /// Returns the time from which on the input can have one more event.
    pub fn next(&self, now: Instant) -> Instant {
        self.used.next(RATE, now)
    }

    /// Returns whether the input can have an event now, and counts this event.
    pub fn admit(&mut self, now: Instant) -> bool {
        self.used.admit(RATE, now)
    }

    /// Counts an event that was left out.
    pub fn leave_out(&mut self, now: Instant) {
        self.left_out = self.left_out.saturating_add(1);
        self.report_at.get_or_insert(now + REPORT_EVERY);
    }

    /// Returns the time at which [`Budget::take_left_out`] must run next.
    pub fn report_at(&self) -> Option<Instant> {
        self.report_at
    }

    /// Returns the number of events that were left out since the last report, if a report is due.
    pub fn take_left_out(&mut self, now: Instant) -> Option<u32> {
        self.report_at.take_if(|at| *at <= now)?;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// For any sequence of changes, no second has more than 10 events, and an event is possible at `next`.
        #[test]
        fn no_second_has_more_than_ten_events(gaps in prop::collection::vec(0u64..400, 1..200)) {
            let (mut budget, mut now) = (Budget::default(), Instant::now());
            let mut admitted = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                let next = budget.next(now);
                if budget.admit(now) {
                    prop_assert_eq!(next, now);
                    admitted.push(now);
                } else {
                    prop_assert!(next > now && next <= now + RATE.every);
                }
            }
            for (index, first) in admitted.iter().enumerate() {
                let second = admitted.iter().skip(index).take_while(|at| **at < *first + Duration::from_secs(1));
                prop_assert!(second.count() <= 10);
            }
        }
    }

    #[test]
    fn what_was_left_out_is_reported_every_ten_seconds() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        assert_eq!(budget.take_left_out(now + REPORT_EVERY), None);
        (0..7).for_each(|_| budget.leave_out(now));
        assert_eq!(budget.take_left_out(now + REPORT_EVERY / 2), None);
        assert_eq!(budget.report_at(), Some(now + REPORT_EVERY));
        assert_eq!(budget.take_left_out(now + REPORT_EVERY), Some(7));
        assert_eq!((budget.take_left_out(now + 2 * REPORT_EVERY), budget.report_at()), (None, None));
    }
}
