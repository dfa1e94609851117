//! Counts recent events per key, in a bounded amount of memory. Each count decreases with time.

use std::collections::BTreeMap;

/// The maximum number of keys of each [`Pressure`]. If a new key exceeds this number, the key without events for the
/// longest time is forgotten.
const MAX_KEYS: usize = 1_024;

/// Counts of recent events. A count decreases by one in each period.
pub struct Pressure {
    period_ms: u64,
    counts: BTreeMap<String, Count>,
}

struct Count {
    /// When the count will be zero, in milliseconds of Unix time.
    zero_at_ms: u64,
    last_ms: u64,
}

impl Pressure {
    pub const fn new(period_ms: u64) -> Self {
        Self { period_ms, counts: BTreeMap::new() }
    }

    /// Returns the current count of a key.
    pub fn count(&self, key: &str, now_ms: u64) -> u64 {
        self.counts
            .get(key)
            .map_or(0, |count| count.zero_at_ms.saturating_sub(now_ms).div_ceil(self.period_ms))
    }

    /// Returns the time of the last event of a key, in milliseconds of Unix time.
    pub fn last_ms(&self, key: &str) -> u64 {
        self.counts.get(key).map_or(0, |count| count.last_ms)
    }

    /// Counts one event.
    pub fn add(&mut self, key: &str, now_ms: u64) {
        if !self.counts.contains_key(key) && self.counts.len() >= MAX_KEYS {
            let oldest = self.counts.iter().min_by_key(|(_, count)| count.last_ms);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.counts.remove(&oldest);
            }
        }
        let count = self.counts.entry(key.to_owned()).or_insert(Count { zero_at_ms: 0, last_ms: 0 });
        count.zero_at_ms = count.zero_at_ms.max(now_ms) + self.period_ms;
        count.last_ms = now_ms;
    }

    /// Removes one event from the count.
    pub fn take_back(&mut self, key: &str) {
        if let Some(count) = self.counts.get_mut(key) {
            count.zero_at_ms = count.zero_at_ms.saturating_sub(self.period_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_decreases_with_time() {
        let mut pressure = Pressure::new(1_000);
        (0..5).for_each(|_| pressure.add("a", 10_000));
        assert_eq!((pressure.count("a", 10_000), pressure.count("b", 10_000)), (5, 0));
        assert_eq!(pressure.count("a", 12_500), 3);
        pressure.take_back("a");
        assert_eq!(pressure.count("a", 12_500), 2);
        assert_eq!(pressure.count("a", 60_000), 0);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let mut pressure = Pressure::new(1_000);
        for number in 0..3 * MAX_KEYS as u64 {
            pressure.add(&number.to_string(), number);
        }
        assert_eq!(pressure.counts.len(), MAX_KEYS);
        assert_eq!(pressure.count("0", 1), 0, "the oldest key is forgotten");
    }
}
