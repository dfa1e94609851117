//! Limits how often something happens, with a number of times that can happen at once after a pause.

/// A rate with a number of events that can come at once after a pause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub every_ms: u64,
    pub at_once: u64,
}

/// How much of a [`Limit`] was used: the time from which on nothing is used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used(u64);

impl Used {
    /// Returns the time from which on the limit allows one more event.
    pub fn next(&self, limit: Limit, now_ms: u64) -> u64 {
        let used = self.0.max(now_ms).saturating_add(limit.every_ms);
        used.saturating_sub(limit.every_ms.saturating_mul(limit.at_once)).max(now_ms)
    }

    /// Uses the limit for one event, and returns the time from which on the limit allows this event.
    pub fn reserve(&mut self, limit: Limit, now_ms: u64) -> u64 {
        let at_ms = self.next(limit, now_ms);
        self.0 = self.0.max(now_ms).saturating_add(limit.every_ms);
        at_ms
    }

    /// Returns whether nothing is used at `now_ms`.
    pub fn is_free(&self, now_ms: u64) -> bool {
        self.0 <= now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_allows_a_number_at_once_and_then_one_per_period() {
        let limit = Limit { every_ms: 100, at_once: 3 };
        let mut used = Used::default();
        let times: Vec<u64> = (0..5).map(|_| used.reserve(limit, 1_000)).collect();
        assert_eq!(times, [1_000, 1_000, 1_000, 1_100, 1_200]);
        assert!(!used.is_free(1_499) && used.is_free(1_500));
        assert_eq!(used.reserve(limit, 9_000), 9_000, "a pause resets the limit");
    }
}
