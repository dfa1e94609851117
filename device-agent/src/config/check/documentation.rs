//! Tests that the documentation states the same defaults and ranges as the constants.

use std::time::Duration;

use super::super::settings::*;
use super::MAX_DEAD_TIME_MS;
use super::line::*;
use super::place::*;
use super::uplink::LINK_TIMEOUTS_S;

/// Formats a number with a comma between groups of three digits.
fn number(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    rest.as_bytes()
        .chunks(3)
        .fold(first.to_owned(), |text, group| text + "," + str::from_utf8(group).unwrap())
}

fn milliseconds(time: Duration) -> String {
    number(time.as_millis() as u64)
}

#[test]
fn the_documentation_states_the_defaults_and_ranges() {
    let page = include_str!("../../../../docs/config.md");
    let timeouts = format!("seconds, {} to {}", LINK_TIMEOUTS_S.start(), LINK_TIMEOUTS_S.end());
    let long_presses = format!("{} to {}", LONG_PRESSES_MS.start(), number(*LONG_PRESSES_MS.end()));
    let pulses = format!("{} to {}", PULSES_US.start(), number(*PULSES_US.end()));
    for row in [
        format!("| `link_timeout_s` | {timeouts} | {} |", DEFAULT_LINK_TIMEOUT.as_secs()),
        format!(
            "| `dead_time_ms` | milliseconds, 0 to {} | {} |",
            number(MAX_DEAD_TIME_MS),
            milliseconds(DEFAULT_DEAD_TIME)
        ),
        format!(
            "1 to {} (a day) for others | {} for `momentary`",
            number(MAX_ON_MS),
            milliseconds(DEFAULT_PULSE_LIMIT)
        ),
        format!("| `min_interval_ms` | milliseconds, 0 to {} (an hour) |", number(MAX_INTERVAL_MS)),
        format!(
            "N seconds, 0 to {} (a day) | `{{ safe_after_s = {} }}`",
            number(MAX_SAFE_AFTER_S as u64),
            DEFAULT_SAFE_AFTER.as_secs()
        ),
        format!(
            "| `debounce_ms` | milliseconds, 0 to {} | {} |",
            number(MAX_DEBOUNCE_MS),
            milliseconds(DEFAULT_DEBOUNCE)
        ),
        format!("| `long_press_ms` | milliseconds, {long_presses} | {} |", milliseconds(DEFAULT_LONG_PRESS)),
        format!("two numbers of microseconds, {pulses}"),
    ] {
        assert!(page.contains(&row), "docs/config.md does not state: {row}");
    }
}
