//! Compares the clocks of this machine and of a server.

use super::check::Check;
use crate::terminal::times::{instant, spoken};

/// The largest clock difference without a warning, in seconds. The limit allows for the time that the edge's response
/// needs.
const CLOCK_NOTED: u64 = 5;

/// The largest clock difference at which the edge accepts tokens of other issuers, in seconds.
pub const CLOCK_WRONG: u64 = 60;

/// Compares the edge's clock, as given in the `Date` header, with this machine's clock.
pub fn clock(date: Option<&str>, now: u64) -> Check {
    let Some(theirs) = date.and_then(http_date) else {
        return Check::warning(
            "clock",
            "the clocks cannot be compared, because the edge's response has no `Date` header",
            "check that this machine's clock is correct",
        );
    };
    let apart = theirs.abs_diff(now);
    let detail = match apart {
        0 => "this machine's clock is equal to the edge's clock".to_owned(),
        _ if theirs > now => format!("this machine's clock is {} behind the edge's clock", spoken(apart)),
        _ => format!("this machine's clock is {} ahead of the edge's clock", spoken(apart)),
    };
    let advice = "set this machine's clock with NTP: timedatectl set-ntp true";
    match apart {
        0..=CLOCK_NOTED => Check::ok("clock", detail),
        _ if apart <= CLOCK_WRONG => Check::warning("clock", detail, advice),
        _ => Check::failed("clock", detail, advice),
    }
}

/// Parses the fixed-length date format of RFC 9110 §5.6.7, and returns Unix seconds. Current servers send dates only in
/// the fixed-length format.
pub fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let (day, month, year, time, zone) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|own| *own == month)? + 1;
    if zone != "GMT" {
        return None;
    }
    instant(&format!("{year}-{month:02}-{day}T{time}Z")).ok().map(|ms| ms / 1000)
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    const NOW: u64 = 1_782_907_200;

    #[test]
    fn clocks_are_compared() {
        let at = |now| clock(Some("Wed, 01 Jul 2026 12:00:00 GMT"), now);
        assert_eq!(at(NOW), Check::ok("clock", "this machine's clock is equal to the edge's clock"));
        assert_eq!(at(NOW + 3).state, State::Ok);
        assert_eq!(
            (at(NOW - 30).state, at(NOW - 30).detail.as_str()),
            (State::Warning, "this machine's clock is 30s behind the edge's clock")
        );
        assert_eq!(
            (at(NOW + 90).state, at(NOW + 90).detail.as_str()),
            (State::Failed, "this machine's clock is 1m 30s ahead of the edge's clock")
        );
        for unknown in
            [None, Some("yesterday"), Some("Wed, 01 Jul 2026 12:00:00 CET"), Some("Wed, 1 Foo 2026 1:0 GMT")]
        {
            assert_eq!(clock(unknown, NOW).state, State::Warning, "{unknown:?}");
        }
    }
}
