//! Waits for conditions, with deadlines.

use std::time::{Duration, Instant};

/// Interval between two checks of a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until a condition returns a value. If this takes longer than `limit`, panics with `what` in the message.
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

/// Like [`eventually`], with a limit of 30 s. This is sufficient on a busy host.
#[track_caller]
pub fn soon<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually(Duration::from_secs(30), what, condition)
}
