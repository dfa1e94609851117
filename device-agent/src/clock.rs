//! Edge time on a device whose own clock can be wrong.
//!
//! A signed welcome contains the edge time at one moment between the request and its answer. From this moment, edge
//! time is measured with CLOCK_BOOTTIME, which is monotonic and includes the time while the device is suspended. Two
//! values remain uncertain: the moment within the round trip at which the edge read its clock, and the drift of this
//! device's crystal since then. Both uncertainties widen the interval that contains edge time. A command runs only
//! while the *latest* possible edge time is before the command's deadline.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::time_provider::TimeProvider;

/// Assumed maximum drift in parts per million. It is ten times the drift of a cheap crystal.
pub const DRIFT_PPM: u64 = 200;

/// Interval between two requests for edge time.
pub const RESYNC_EVERY: Duration = Duration::from_secs(600);

/// Milliseconds since boot, including suspension.
pub fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let (secs, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    secs.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

/// One signed reading of edge time. The caller supplies local times in milliseconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeClock {
    edge_ms: u64,
    sent_ms: u64,
    received_ms: u64,
}

impl EdgeClock {
    /// The edge read `edge_ms` between `sent_ms` and `received_ms`, which are both in milliseconds since boot.
    pub fn new(edge_ms: u64, sent_ms: u64, received_ms: u64) -> Self {
        Self { edge_ms, sent_ms, received_ms: received_ms.max(sent_ms) }
    }

    /// Upper bound of edge time. One millisecond is added because both readings are truncated to whole milliseconds.
    pub fn latest_ms(&self, boot_ms: u64) -> u64 {
        let elapsed = boot_ms.saturating_sub(self.sent_ms).saturating_add(1);
        self.edge_ms.saturating_add(elapsed).saturating_add(drift(elapsed))
    }

    /// Lower bound of edge time.
    pub fn earliest_ms(&self, boot_ms: u64) -> u64 {
        let elapsed = boot_ms.saturating_sub(self.received_ms).saturating_sub(1);
        self.edge_ms.saturating_add(elapsed.saturating_sub(drift(elapsed)))
    }

    /// Midpoint between the two bounds.
    pub fn estimate_ms(&self, boot_ms: u64) -> u64 {
        let earliest = self.earliest_ms(boot_ms);
        earliest.saturating_add(self.latest_ms(boot_ms).saturating_sub(earliest) / 2)
    }

    /// Difference between `latest_ms` and `earliest_ms`.
    pub fn uncertainty_ms(&self, boot_ms: u64) -> u64 {
        self.latest_ms(boot_ms).saturating_sub(self.earliest_ms(boot_ms))
    }

    /// Edge time minus the system's clock, in milliseconds. Negative if edge time is behind the system's clock.
    pub fn ahead_of(&self, wall: WallClock, boot_ms: u64) -> i64 {
        let of = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX);
        of(self.estimate_ms(boot_ms).into()).saturating_sub(of(wall.now().as_millis()))
    }

    /// Replaces this reading with `newer` if `newer` is at least as certain. A reading with a slow round trip is less
    /// certain.
    pub fn resync(&mut self, newer: Self, boot_ms: u64) {
        if newer.uncertainty_ms(boot_ms) <= self.uncertainty_ms(boot_ms) {
            *self = newer;
        }
    }
}

fn drift(elapsed_ms: u64) -> u64 {
    elapsed_ms.saturating_mul(DRIFT_PPM).div_ceil(1_000_000)
}

/// The system's clock. Decisions use this clock only for TLS, because on a Raspberry Pi it can start in 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock {
    assumed: Option<u64>,
}

impl WallClock {
    /// Returns a clock that always shows `seconds` of Unix time, or the real clock if `seconds` is `None`.
    pub fn assuming(seconds: Option<u64>) -> Self {
        Self { assumed: seconds }
    }

    /// Time since the Unix epoch. Zero if the clock is set to a time before 1970.
    pub fn now(&self) -> Duration {
        match self.assumed {
            Some(seconds) => Duration::from_secs(seconds),
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_round_trip_and_the_drift_are_uncertain() {
        let clock = EdgeClock::new(1_000_000, 100, 140);
        assert_eq!(clock.latest_ms(140), 1_000_000 + 41 + 1);
        assert_eq!(clock.earliest_ms(140), 1_000_000);
        let later = 140 + 600_000;
        assert_eq!(clock.latest_ms(later) - clock.earliest_ms(later), 40 + 2 + 121 + 120);
    }

    #[test]
    fn a_slow_answer_does_not_replace_a_better_one() {
        let mut clock = EdgeClock::new(1_000_000, 0, 20);
        clock.resync(EdgeClock::new(1_001_000, 1_000, 9_000), 9_000);
        assert_eq!(clock, EdgeClock::new(1_000_000, 0, 20));
        let fresh = EdgeClock::new(1_600_000, 600_000, 600_020);
        clock.resync(fresh, 600_020);
        assert_eq!(clock, fresh);
    }

    #[test]
    fn a_clock_in_1970_is_far_behind() {
        let clock = EdgeClock::new(1_800_000_000_000, 100, 100);
        assert_eq!(clock.ahead_of(WallClock::assuming(Some(1_800_000_003)), 100), -3_000 + 1);
        assert_eq!(clock.ahead_of(WallClock::assuming(Some(0)), 100), 1_800_000_000_001);
        let never = EdgeClock::new(u64::MAX, 0, 0);
        assert_eq!(never.ahead_of(WallClock::assuming(Some(u64::MAX)), 0), 0);
    }

    #[test]
    fn nothing_overflows() {
        let clock = EdgeClock::new(u64::MAX, u64::MAX, 0);
        assert_eq!(clock.latest_ms(u64::MAX), u64::MAX);
        assert_eq!(EdgeClock::new(u64::MAX, 0, 0).estimate_ms(u64::MAX), u64::MAX);
    }

    proptest! {
        /// For any delays, and any drift up to `DRIFT_PPM`, the true edge time is inside the interval.
        #[test]
        fn edge_time_lies_between_the_bounds(
            edge in 1_700_000_000_000u64..1_900_000_000_000,
            boot in 0u64..1_000_000_000,
            there in 0u64..5_000,
            back in 0u64..5_000,
            elapsed in 0u64..3_600_000,
            drift_ppm in -200i64..=200,
        ) {
            let clock = EdgeClock::new(edge, boot, boot + there + back);
            // Error of the device's clock after `elapsed` true milliseconds.
            let shift = i64::try_from(elapsed).unwrap() * drift_ppm / 1_000_000;
            let now = boot + there + back + elapsed.checked_add_signed(shift).unwrap();
            let truth = edge + back + elapsed;
            prop_assert!(clock.earliest_ms(now) <= truth + 1);
            prop_assert!(clock.latest_ms(now) >= truth);
            prop_assert!(clock.earliest_ms(now) <= clock.estimate_ms(now));
            prop_assert!(clock.estimate_ms(now) <= clock.latest_ms(now));
        }
    }
}
