//! Waits until conditions are met, up to a deadline.

use std::time::{Duration, Instant};

/// The interval between two checks of a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Calls `condition` repeatedly until it returns a value. Panics with the text `what` if no value is returned within
/// `limit`.
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

/// Works like [`eventually`], with a limit of 30 seconds, which is sufficient on a busy host.
#[track_caller]
pub fn soon<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually(Duration::from_secs(30), what, condition)
}
