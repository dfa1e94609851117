//! Stores the time of a Durable Object's alarm in memory, so that the alarm is set only if it is needed.

use std::cell::Cell;

/// The time of the alarm, in milliseconds of Unix time. The value is `None` if this instance of the Durable Object does
/// not know the time of the alarm.
#[derive(Default)]
pub struct KnownAlarm(Cell<Option<u64>>);

impl KnownAlarm {
    /// Returns whether the alarm must be set to the time `wanted`. An earlier alarm is sufficient: if the alarm fires
    /// before work is due, the alarm handler sets a new alarm. A stream of commands therefore sets one alarm every few
    /// seconds, and not one alarm for each command.
    pub fn is_needed(&self, now: u64, wanted: u64) -> bool {
        !self.0.get().is_some_and(|at| (now..=wanted).contains(&at))
    }

    /// Records that the alarm is set. This function must be called before the runtime confirms the alarm, because
    /// another event could otherwise set a later alarm in the meantime.
    pub fn set(&self, wanted: u64) {
        self.0.set(Some(wanted));
    }

    /// Records that the alarm has fired, or that the alarm could not be set.
    pub fn forget(&self) {
        self.0.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_set_again_after_it_failed_or_fired_and_not_before() {
        let alarm = KnownAlarm::default();
        assert!(alarm.is_needed(1_000, 2_000));
        alarm.set(2_000);
        assert!(!alarm.is_needed(1_000, 2_000) && !alarm.is_needed(1_000, 5_000));
        assert!(alarm.is_needed(1_000, 1_999), "an earlier alarm is needed");
        assert!(alarm.is_needed(2_001, 5_000), "the alarm should have fired");
        alarm.forget();
        assert!(alarm.is_needed(1_000, 2_000));
    }
}
