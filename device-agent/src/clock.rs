//! Computes edge time, which is the time of the edge's clock, on a device whose own clock can be wrong.
//!
//! The edge sends the current edge time in a signed welcome token. The agent then measures the elapsed time with
//! CLOCK_BOOTTIME. CLOCK_BOOTTIME is monotonic and includes the time while the device is suspended. The agent does not
//! know at which moment between its request and the answer the edge read the clock. The crystal oscillator of the
//! device also drifts. The agent therefore computes a lower bound and an upper bound of edge time. The agent runs a
//! command only while the upper bound is before the command's deadline.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::time_provider::TimeProvider;

/// The assumed maximum drift of the device's clock, in parts per million. The value is ten times the drift of a cheap
/// crystal oscillator.
pub const DRIFT_PPM: u64 = 200;

/// The interval between two requests for the current edge time.
pub const RESYNC_EVERY: Duration = Duration::from_secs(600);

/// Returns the milliseconds since the device booted, including the time while the device was suspended.
pub fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let (secs, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    secs.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

/// One signed reading of the edge's clock. The caller passes all local times in milliseconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeClock {
    edge_ms: u64,
    sent_ms: u64,
    received_ms: u64,
}

impl EdgeClock {
    /// Creates a reading from the edge time `edge_ms`. The edge read its clock between the local times `sent_ms` and
    /// `received_ms`, which are both in milliseconds since boot.
    pub fn new(edge_ms: u64, sent_ms: u64, received_ms: u64) -> Self {
        Self { edge_ms, sent_ms, received_ms: received_ms.max(sent_ms) }
    }

    /// Returns the upper bound of edge time at the local time `boot_ms`. One millisecond is added, because local times
    /// are truncated to whole milliseconds.
    pub fn latest_ms(&self, boot_ms: u64) -> u64 {
        let elapsed = boot_ms.saturating_sub(self.sent_ms).saturating_add(1);
        self.edge_ms.saturating_add(elapsed).saturating_add(drift(elapsed))
    }

    /// Returns the lower bound of edge time at the local time `boot_ms`.
    pub fn earliest_ms(&self, boot_ms: u64) -> u64 {
        let elapsed = boot_ms.saturating_sub(self.received_ms).saturating_sub(1);
        self.edge_ms.saturating_add(elapsed.saturating_sub(drift(elapsed)))
    }

    /// Returns the midpoint between the lower bound and the upper bound of edge time.
    pub fn estimate_ms(&self, boot_ms: u64) -> u64 {
        let earliest = self.earliest_ms(boot_ms);
        earliest.saturating_add(self.latest_ms(boot_ms).saturating_sub(earliest) / 2)
    }

    /// Returns the difference between the upper bound and the lower bound of edge time, in milliseconds.
    pub fn uncertainty_ms(&self, boot_ms: u64) -> u64 {
        self.latest_ms(boot_ms).saturating_sub(self.earliest_ms(boot_ms))
    }

    /// Returns edge time minus the time of the system's clock, in milliseconds. The result is negative if edge time is
    /// behind the system's clock.
    pub fn ahead_of(&self, wall: WallClock, boot_ms: u64) -> i64 {
        let of = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX);
        of(self.estimate_ms(boot_ms).into()).saturating_sub(of(wall.now().as_millis()))
    }

    /// Replaces this reading with `newer` if `newer` is at least as certain. A reading with a slow round trip is less
    /// certain than a reading with a fast round trip.
    pub fn resync(&mut self, newer: Self, boot_ms: u64) {
        if newer.uncertainty_ms(boot_ms) <= self.uncertainty_ms(boot_ms) {
            *self = newer;
        }
    }
}

fn drift(elapsed_ms: u64) -> u64 {
    elapsed_ms.saturating_mul(DRIFT_PPM).div_ceil(1_000_000)
}

/// The file that systemd's time service makes when it has set the system's clock. The agent's confinement forbids it to ask
/// the kernel.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

/// Returns the time of the system's clock in milliseconds of Unix time, if the clock is synchronised.
pub fn synchronised_ms() -> Option<u64> {
    std::fs::exists(SYNCHRONISED)
        .unwrap_or(false)
        .then(|| WallClock::default().now())
        .and_then(|now| u64::try_from(now.as_millis()).ok())
}

/// The system's clock. The agent uses this clock only for decisions about TLS certificates, because the clock of a
/// Raspberry Pi can start in 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock {
    assumed: Option<u64>,
}

impl WallClock {
    /// Returns a clock that always shows the Unix time `seconds`. If `seconds` is `None`, the function returns the real
    /// clock of the system.
    pub fn assuming(seconds: Option<u64>) -> Self {
        Self { assumed: seconds }
    }

    /// Returns the time since the Unix epoch. The result is zero if the system's clock is set to a time before 1970.
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
        /// For any network delays and any drift up to `DRIFT_PPM`, the true edge time is between the computed bounds.
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
            // `shift` is the error of the device's clock after `elapsed` milliseconds of real time.
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
