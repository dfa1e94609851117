//! Waiting for conditions, with deadlines.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until a condition gives a value; panics with `what` after `limit`.
#[track_caller]
pub fn eventually<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "after {limit:?} still not: {what}");
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// As [`eventually`], within the 30 s that anything here may take on a busy machine.
#[track_caller]
pub fn soon<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually(Duration::from_secs(30), what, condition)
}
