//! Times and durations.

pub use pinlatch_protocol::wording::duration;

/// Formats the age of an event: `just now`, `12 s ago`, `3 min ago`, `2 h ago` or `5 days ago`.
pub fn ago(span_ms: u64) -> String {
    match span_ms / 1_000 {
        0..=1 => "just now".into(),
        _ => format!("{} ago", span(span_ms)),
    }
}

/// Formats a duration in its largest unit, rounded down.
pub fn span(span_ms: u64) -> String {
    let seconds = span_ms / 1_000;
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min", seconds / 60),
        3_600..=86_399 => format!("{} h", seconds / 3_600),
        86_400..=172_799 => "1 day".into(),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A date and time in the browser's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub year: u32,
    /// The month, from 0 (January) to 11 (December).
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
    /// The day of the week, from 0 (Sunday) to 6 (Saturday).
    pub weekday: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
}

/// Formats the time of day, for example `14:05:09`.
pub fn clock(at: Moment) -> String {
    format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second)
}

impl Moment {
    /// Whether this moment is on the day after another moment.
    fn is_day_after(self, other: Self) -> bool {
        let Self { year, month, day, .. } = other;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 if leap => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        let next = match (day < days, month) {
            (true, _) => (year, month, day + 1),
            (false, 11) => (year + 1, 0, 1),
            (false, _) => (year, month + 1, 1),
        };
        (self.year, self.month, self.day) == next
    }
}

pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Formats a date and time without redundant parts: `14:05 today`, `14:05 tomorrow`, `Sat 22 Nov, 14:05` or
/// `22 Nov 2027, 14:05`.
pub fn moment(at: Moment, now: Moment) -> String {
    const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let name = |names: &[&'static str], index: u32| names.get(index as usize).copied().unwrap_or_default();
    let Moment { year, day, hour, minute, .. } = at;
    let (weekday, month) = (name(&WEEKDAYS, at.weekday), name(&MONTHS, at.month));
    if (year, at.month, day) == (now.year, now.month, now.day) {
        format!("{hour:02}:{minute:02} today")
    } else if at.is_day_after(now) {
        format!("{hour:02}:{minute:02} tomorrow")
    } else if year == now.year {
        format!("{weekday} {day} {month}, {hour:02}:{minute:02}")
    } else {
        format!("{day} {month} {year}, {hour:02}:{minute:02}")
    }
}
