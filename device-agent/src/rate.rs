//! Limits how often something happens, with a number of times that can happen at once after a pause.

use std::time::Duration;

use tokio::time::Instant;

/// A rate: one time in each interval, and a number of times at once after a pause.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub every: Duration,
    pub at_once: u32,
}

/// How much of a [`Rate`] was used.
#[derive(Debug, Default)]
pub struct Used {
    /// The time from which on nothing is used.
    free_at: Option<Instant>,
}

impl Used {
    /// Returns the time from which on the rate allows one more time.
    pub fn next(&self, rate: Rate, now: Instant) -> Instant {
        (self.until(now) + rate.every).checked_sub(rate.every * rate.at_once).map_or(now, |at| at.max(now))
    }

    /// Returns whether the rate allows one more time now, and counts this time.
    pub fn admit(&mut self, rate: Rate, now: Instant) -> bool {
        if self.next(rate, now) > now {
            return false;
        }
        self.free_at = Some(self.until(now) + rate.every);
        true
    }

    fn until(&self, now: Instant) -> Instant {
        self.free_at.map_or(now, |at| at.max(now))
    }
}
