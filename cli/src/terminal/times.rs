//! Parses and formats times and durations. A time has the format of RFC 3339, with any UTC offset. A duration has a
//! format such as `2h 30min`.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;

/// The start of the year 10000, in Unix seconds. RFC 3339 cannot express a time in or after the year 10000.
const END_OF_TIME: u64 = 253_402_300_800;

/// A point in time, which is absolute or relative to a reference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An absolute time, in Unix milliseconds.
    At(u64),
    /// The distance from a reference time, in milliseconds. The command-line option determines whether the moment is
    /// before or after the reference time.
    Distance(u64),
}

impl Moment {
    /// Returns the moment in Unix milliseconds. A relative moment is counted forward from `start_ms`.
    pub fn after(self, start_ms: u64) -> u64 {
        match self {
            Self::At(at_ms) => at_ms,
            Self::Distance(ms) => start_ms.saturating_add(ms),
        }
    }

    /// Returns the moment in Unix milliseconds. A relative moment is counted back from `end_ms`.
    pub fn before(self, end_ms: u64) -> u64 {
        match self {
            Self::At(at_ms) => at_ms,
            Self::Distance(ms) => end_ms.saturating_sub(ms),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.as_bytes().get(4) == Some(&b'-') {
            return instant(text).map(Self::At);
        }
        let wrong = |error| {
            format!("{error}; write a time such as 2026-07-01T18:00:00+02:00 or a duration such as 2h 30min")
        };
        humantime::parse_duration(text).map(|duration| Self::Distance(millis(duration))).map_err(wrong)
    }
}

/// Returns the current time in Unix seconds.
pub fn now() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(since.context("this machine's clock is before 1970; correct the clock")?.as_secs())
}

/// Parses a time in the format of RFC 3339, and returns the time in Unix milliseconds.
pub fn instant(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a time; write a time such as 2026-07-01T18:00:00+02:00");
    let (local, east, offset) = match text.split_at_checked(text.len().saturating_sub(6)) {
        Some((local, offset)) if offset.starts_with(['+', '-']) => {
            let (hours, minutes) = offset.trim_start_matches(['+', '-']).split_once(':').ok_or_else(wrong)?;
            let number =
                |text: &str, below: u64| text.parse().ok().filter(|n: &u64| *n < below).ok_or_else(wrong);
            let offset_ms = (number(hours, 24)? * 60 + number(minutes, 60)?) * 60_000;
            (format!("{local}Z"), offset.starts_with('+'), offset_ms)
        }
        _ => (text.to_owned(), true, 0),
    };
    let at = humantime::parse_rfc3339(&local).map_err(|_| wrong())?;
    let local_ms = millis(at.duration_since(UNIX_EPOCH).map_err(|_| wrong())?);
    let utc_ms = if east { local_ms.checked_sub(offset) } else { local_ms.checked_add(offset) };
    utc_ms.ok_or_else(wrong)
}

/// Parses a duration of at least one second, and returns the duration in whole seconds.
pub fn seconds(text: &str) -> Result<u64, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a duration such as 90min or 2h"))?;
    match duration.as_secs() {
        0 => Err("the duration must be at least one second".into()),
        seconds => Ok(seconds),
    }
}

/// Formats a time in Unix seconds as an RFC 3339 time. Returns `never` for a time in or after the year 10000.
pub fn stamp(seconds: u64) -> String {
    if seconds >= END_OF_TIME {
        return "never".into();
    }
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Formats a time in Unix milliseconds in the same way as [`stamp`].
pub fn stamp_ms(ms: u64) -> String {
    stamp(ms / 1000)
}

/// Formats a duration in seconds with its two largest units, such as `1m 30s`.
pub fn spoken(seconds: u64) -> String {
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Formats the time that has passed since `at_ms`, such as `5m 3s ago`. Returns `None` for a time in the future, because
/// the edge's clock can differ from this machine's clock.
pub fn ago(at_ms: u64, now_ms: u64) -> Option<String> {
    Some(format!("{} ago", spoken(now_ms.checked_sub(at_ms)? / 1000)))
}

/// Returns the current time in Unix milliseconds.
pub fn now_ms() -> anyhow::Result<u64> {
    Ok(now()?.saturating_mul(1000))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_offset() {
        let noon = 1_782_907_200_000;
        for text in [
            "2026-07-01T12:00:00Z",
            "2026-07-01T14:00:00+02:00",
            "2026-07-01T06:30:00-05:30",
            "2026-07-01T12:00:00.000+00:00",
        ] {
            assert_eq!(text.parse(), Ok(Moment::At(noon)), "{text}");
        }
        assert_eq!("2026-07-01T12:00:00.250Z".parse(), Ok(Moment::At(noon + 250)));
        for text in [
            "2026-07-01",
            "2026-07-01 12:00:00",
            "2026-07-01T12:00:00",
            "2026-07-01T12:00:00+2:00",
            "2026-07-01T12:00:00+24:00",
            "2026-13-01T12:00:00Z",
            "2026-07-01T12:00:00+ä:00",
            "1970-01-01T00:00:00+01:00",
            "yesterday",
            "-2h",
            "",
            "5",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_counted_from_either_side() {
        let hours: Moment = "1h 30min".parse().unwrap();
        assert_eq!(hours, Moment::Distance(5_400_000));
        assert_eq!((hours.after(1_000), hours.before(5_400_500)), (5_401_000, 500));
        assert_eq!(Moment::At(7).after(1_000), 7);
        assert_eq!((seconds("90min"), seconds("7days")), (Ok(5_400), Ok(604_800)));
        for text in ["0s", "10ms", "", "2 fortnights", "99999999999999999999y"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn any_number_can_be_shown() {
        assert_eq!(stamp_ms(1_782_907_200_999), "2026-07-01T12:00:00Z");
        assert_eq!(stamp(END_OF_TIME - 1), "9999-12-31T23:59:59Z");
        assert_eq!(stamp(u64::MAX), "never");
        assert_eq!(spoken(90_061), "1day 1h");
        assert_eq!(spoken(0), "0s");
        assert!(!spoken(u64::MAX).is_empty());
        assert_eq!(ago(1_000, 303_500), Some("5m 2s ago".into()));
        assert_eq!(ago(2_000, 1_000), None);
    }
}
