//! Reads the clock. In a deployed Worker, the clock advances only after I/O.

/// Returns the current time, in milliseconds of Unix time.
pub fn now_ms() -> u64 {
    worker::Date::now().as_millis()
}

/// Returns the current time, in seconds of Unix time.
pub fn now_s() -> u64 {
    now_ms() / 1000
}
