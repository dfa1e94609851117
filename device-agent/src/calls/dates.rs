//! Compares the dates of a grant with the times that the device knows. The edge and the network can move the device's
//! clock, so the expiry of a grant is compared with the latest time, and its start with the earliest. This module uses no
//! clock and no I/O.

use pinlatch_token::Refusal;
use pinlatch_token::grant::Grant;

use super::refused::CallRefused;

/// The times that the sources of the device show now, in milliseconds of Unix time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// The earliest and the latest possible edge time, if the device is connected or was connected since it started.
    pub edge: Option<(u64, u64)>,
    /// The time of the system's clock, if the clock is synchronised.
    pub system: Option<u64>,
}

/// The times that the device has known so far.
#[derive(Debug, Clone, Default)]
pub struct Dates {
    /// The newest date in anything that the owner has signed, in seconds of Unix time. It is not later than this date,
    /// but possibly much later.
    floor_s: u64,
    /// The largest difference between a known time and the time since boot, in milliseconds. With it, the time for the
    /// expiry never goes back while the machine runs.
    ahead_ms: Option<u64>,
}

impl Dates {
    pub fn with_floor(floor_s: u64) -> Self {
        Self { floor_s, ahead_ms: None }
    }

    pub fn floor_s(&self) -> u64 {
        self.floor_s
    }

    /// Records a date that the owner has signed. Returns whether the floor has changed.
    pub fn raise_floor(&mut self, date_s: u64) -> bool {
        let is_higher = date_s > self.floor_s;
        self.floor_s = self.floor_s.max(date_s);
        is_higher
    }

    /// Compares the dates of a grant with the present times. `boot_ms` is the time since the machine booted.
    pub fn check(&mut self, grant: &Grant, times: Times, boot_ms: u64) -> Result<(), CallRefused> {
        let latest = [times.edge.map(|(_, latest)| latest), times.system].into_iter().flatten().max();
        let earliest = [times.edge.map(|(earliest, _)| earliest), times.system].into_iter().flatten().min();
        if let Some(latest) = latest {
            self.ahead_ms = self.ahead_ms.max(Some(latest.saturating_sub(boot_ms)));
        }
        let is_known = self.ahead_ms.is_some();
        if !is_known && !grant.offline {
            // The floor alone can already show that the grant has expired, which is the better answer.
            return Err(if self.floor_s >= grant.expires {
                CallRefused::Expired
            } else {
                CallRefused::TimeUnknown
            });
        }
        let latest_s = self.ahead_ms.map_or(0, |ahead_ms| ahead_ms.saturating_add(boot_ms) / 1_000);
        let earliest_s = earliest.map_or(0, |earliest| earliest / 1_000);
        let (latest_s, earliest_s) = (latest_s.max(self.floor_s), earliest_s.max(self.floor_s));
        grant.check_dates(latest_s, earliest_s).map_err(|refusal| match refusal {
            Refusal::NotYetValid(_) => CallRefused::NotYetValid,
            _ => CallRefused::Expired,
        })
    }
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::name::Name;
    use pinlatch_token::HolderKey;

    use super::*;

    const NOW_S: u64 = 1_790_000_000;

    fn grant() -> Grant {
        let holder = HolderKey::generate().unwrap().public().clone();
        let scope = "line:porch/door:pulse".parse().unwrap();
        let grant = Grant::new(&Name::new("home").unwrap(), "Ann", holder, scope, NOW_S);
        Grant { not_before: NOW_S + 100, expires: NOW_S + 200, ..grant }
    }

    fn edge(earliest_s: u64, latest_s: u64) -> Times {
        Times { edge: Some((earliest_s * 1_000, latest_s * 1_000)), system: None }
    }

    #[test]
    fn the_expiry_meets_the_latest_and_the_start_the_earliest_time() {
        let check = |times| Dates::default().check(&grant(), times, 5_000);
        assert_eq!(check(edge(NOW_S + 110, NOW_S + 120)), Ok(()));
        assert_eq!(check(edge(NOW_S + 99, NOW_S + 120)), Err(CallRefused::NotYetValid));
        assert_eq!(check(edge(NOW_S + 110, NOW_S + 200)), Err(CallRefused::Expired));
        // An edge that sets the time back meets the synchronised clock of the system, and the other way round.
        for (edge_s, system_s, expected) in [
            (150, 250, Err(CallRefused::Expired)),
            (250, 150, Err(CallRefused::Expired)),
            (50, 150, Err(CallRefused::NotYetValid)),
            (150, 50, Err(CallRefused::NotYetValid)),
            (150, 160, Ok(())),
        ] {
            let times =
                Times { system: Some((NOW_S + system_s) * 1_000), ..edge(NOW_S + edge_s, NOW_S + edge_s) };
            assert_eq!(check(times), expected, "{edge_s} {system_s}");
        }
    }

    #[test]
    fn the_time_for_the_expiry_never_goes_back() {
        let mut dates = Dates::default();
        assert_eq!(dates.check(&grant(), edge(NOW_S + 150, NOW_S + 150), 1_000), Ok(()));
        // 60 s later, the edge claims that only 1 s has passed.
        assert_eq!(dates.check(&grant(), edge(NOW_S + 151, NOW_S + 151), 61_000), Err(CallRefused::Expired));
        // The time that was known once continues without a source.
        let mut dates = Dates::default();
        assert_eq!(dates.check(&grant(), edge(NOW_S + 150, NOW_S + 150), 1_000), Ok(()));
        assert_eq!(dates.check(&grant(), Times::default(), 51_000), Err(CallRefused::Expired));
    }

    #[test]
    fn without_a_time_only_offline_grants_count_judged_by_the_floor() {
        let mut dates = Dates::with_floor(NOW_S + 150);
        let offline = Grant { offline: true, ..grant() };
        assert_eq!(dates.check(&grant(), Times::default(), 1), Err(CallRefused::TimeUnknown));
        assert_eq!(dates.check(&offline, Times::default(), 1), Ok(()));
        assert!(dates.raise_floor(NOW_S + 200) && !dates.raise_floor(NOW_S));
        assert_eq!(dates.check(&offline, Times::default(), 1), Err(CallRefused::Expired));
        assert_eq!(dates.check(&grant(), Times::default(), 1), Err(CallRefused::Expired));
        let mut early = Dates::with_floor(NOW_S);
        assert_eq!(early.check(&offline, Times::default(), 1), Err(CallRefused::NotYetValid));
        // The floor also bounds an edge that sets the time back.
        assert_eq!(dates.check(&offline, edge(NOW_S + 150, NOW_S + 150), 1), Err(CallRefused::Expired));
    }
}
