//! Measures how long repeated runs of a function take.

use std::time::{Duration, Instant};

/// The measured durations of the runs, in ascending order.
pub struct Times(Vec<Duration>);

impl Times {
    /// Calls `run` `count` times and measures the duration of each call.
    pub fn of(count: usize, mut run: impl FnMut(usize)) -> Self {
        let times = (0..count).map(|index| {
            let began = Instant::now();
            run(index);
            began.elapsed()
        });
        times.collect()
    }

    /// Returns the percentile of the durations for a share from 0 to 1, in milliseconds. For example, 99 percent of the
    /// runs took no longer than `percentile(0.99)`.
    pub fn percentile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let index = ((self.0.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last);
        self.0.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// Returns the median of the durations, in milliseconds.
    pub fn p50(&self) -> f64 {
        self.percentile(0.50)
    }

    /// Returns the 99th percentile of the durations, in milliseconds.
    pub fn p99(&self) -> f64 {
        self.percentile(0.99)
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        let mut times: Vec<Duration> = times.into_iter().collect();
        times.sort();
        Self(times)
    }
}

impl IntoIterator for Times {
    type Item = Duration;
    type IntoIter = std::vec::IntoIter<Duration>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times = Times((1..=100).map(Duration::from_millis).collect());
        assert_eq!((times.p50(), times.p99(), times.percentile(1.0)), (50.0, 99.0, 100.0));
    }
}
