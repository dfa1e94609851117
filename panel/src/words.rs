//! What the panel says to people: names, times, levels and how a command ended.

pub mod board;
pub mod entry;
pub mod guest;
#[cfg(test)]
mod tests;

use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::problem::{Code, Problem};

use crate::model::{Outcome, Pulse};

pub use board::*;
pub use entry::*;

/// A name as a heading: `front-door_2` becomes `Front door 2`.
pub fn title(name: &str) -> String {
    let mut spaced = name.replace(['-', '_'], " ");
    if let Some(first) = spaced.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    spaced
}

/// How long ago something was: `just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 days ago`.
pub fn ago(span_ms: u64) -> String {
    match span_ms / 1_000 {
        0..=1 => "just now".into(),
        _ => format!("{} ago", span(span_ms)),
    }
}

/// A span of time in its largest unit.
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

/// A moment as the clock and the calendar on the wall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The year.
    pub year: u32,
    /// The month, from 0.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
    /// The day of the week, from Sunday's 0.
    pub weekday: u32,
    /// The hour.
    pub hour: u32,
    /// The minute.
    pub minute: u32,
    /// The second.
    pub second: u32,
}

/// The time of day: `14:05:09`.
pub fn clock(at: Moment) -> String {
    format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second)
}

/// A moment, no longer than it need be: `14:05 today`, `Sat 22 Nov, 14:05`, `22 Nov 2027, 14:05`.
pub fn moment(at: Moment, now: Moment) -> String {
    const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = |names: &[&'static str], index: u32| names.get(index as usize).copied().unwrap_or_default();
    let Moment { year, day, hour, minute, .. } = at;
    let (weekday, month) = (name(&WEEKDAYS, at.weekday), name(&MONTHS, at.month));
    if (year, at.month, day) == (now.year, now.month, now.day) {
        format!("{hour:02}:{minute:02} today")
    } else if year == now.year {
        format!("{weekday} {day} {month}, {hour:02}:{minute:02}")
    } else {
        format!("{day} {month} {year}, {hour:02}:{minute:02}")
    }
}

/// A length of time that was chosen: `3 s`, `2.5 s`, `400 ms`.
pub fn duration(ms: u32) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{:.1} s", f64::from(ms) / 1_000.0),
    }
}

/// A level in the words of its kind of line.
pub fn level(kind: LineKind, level: Option<&Level>) -> String {
    match (kind, level) {
        (_, None) => "unknown".into(),
        (LineKind::Contact, Some(Level::On(true))) => "closed".into(),
        (LineKind::Contact, Some(Level::On(false))) => "open".into(),
        (LineKind::Momentary, Some(Level::On(true))) => "active".into(),
        (LineKind::Momentary, Some(Level::On(false))) => "at rest".into(),
        (LineKind::Dimmer, Some(Level::Number(part))) => format!("{:.0} %", part * 100.0),
        (LineKind::Servo, Some(Level::Number(degrees))) => format!("{degrees:.0}°"),
        (LineKind::Sensor, Some(Level::Number(number))) => number_text(*number),
        (_, Some(level)) => level.to_string(),
    }
}

/// A line's reported level: a sensor's number with its unit and no more decimals than mean something.
pub fn reported(line: &LineView) -> String {
    match (line.kind, &line.reported) {
        (LineKind::Sensor, None) => "no reading".into(),
        (LineKind::Sensor, Some(Level::Number(number))) => measured(line, *number),
        (kind, level_now) => level(kind, level_now.as_ref()),
    }
}

/// A number of a sensor, with its unit.
pub fn measured(line: &LineView, number: f64) -> String {
    let text = match line.precision {
        // What is rounded to nothing has no sign.
        Some(precision) => {
            let text = format!("{number:.0$}", usize::from(precision));
            let nothing = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
            if nothing { text.trim_start_matches('-').into() } else { text }
        }
        None => number_text(number),
    };
    // A no-break space, so that the number keeps its unit.
    line.unit.as_ref().map_or_else(|| text.clone(), |unit| format!("{text}\u{a0}{unit}"))
}

/// Why a line shows no level; `None` where a level is there.
pub fn no_level(line: &LineView) -> Option<&'static str> {
    match (line.kind, &line.reported) {
        (_, Some(_)) => None,
        (LineKind::Sensor, None) => Some("The sensor cannot be read."),
        (LineKind::Contact, None) => Some("The device cannot tell how this contact is."),
        (_, None) => Some("The device does not know the level of this line now."),
    }
}

/// How a contact was pressed.
pub fn pressed(long: bool) -> &'static str {
    if long { "Held down" } else { "Pressed" }
}

/// How much of a pulse is left: `2 s left`, `at most 5 s left`, `ending`.
pub fn pulse_left(pulse: &Pulse) -> String {
    match (pulse.ms.saturating_sub(pulse.gone_ms).div_ceil(1_000), pulse.own) {
        (0, _) => "ending".into(),
        (seconds, true) => format!("{seconds} s left"),
        (seconds, false) => format!("at most {seconds} s left"),
    }
}

fn number_text(number: f64) -> String {
    let text = format!("{number:.2}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// The level as tests and style sheets read it: `on`, `off`, `#rrggbb`, a number, `unknown`.
pub fn level_mark(level: Option<&Level>) -> String {
    level.map_or_else(|| "unknown".into(), Level::to_string)
}

/// The word on the button of a momentary line.
pub fn press(line: &str) -> &'static str {
    const OPENERS: [&str; 7] = ["door", "gate", "lock", "latch", "garage", "strike", "barrier"];
    if OPENERS.iter().any(|word| line.contains(word)) { "Open" } else { "Press" }
}

/// What was asked for: `on`, `a 3 s pulse`.
pub fn wish(kind: LineKind, action: &Action) -> String {
    match action {
        Action::Set { level: wanted, .. } => level(kind, Some(wanted)),
        Action::Toggle => "the other state".into(),
        Action::Pulse { ms } => format!("a {} pulse", duration(*ms)),
        Action::Blink { count, .. } => format!("{count} blinks"),
    }
}

/// How a command ended, in one sentence.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Executed => "Done.".into(),
        Outcome::Refused(code) => format!("Refused: {}.", refusal(code)),
        Outcome::Expired => "Too late: the deadline passed, and it will not be done.".into(),
        Outcome::Unknown => {
            "The device did not answer. It may have been done: look before you try again.".into()
        }
        Outcome::NoAnswer => "No answer. It may have been done: look before you try again.".into(),
        Outcome::NotSent => "Not sent: the connection was lost first. Nothing was done.".into(),
        Outcome::NotArrived => "It did not reach Pinlatch. Nothing has been done.".into(),
        Outcome::Offline => "The device is offline. Nothing was done.".into(),
        Outcome::Denied(problem) if problem.is(Code::InsufficientScope) => "You may not do this.".into(),
        Outcome::Denied(problem) if problem.is(Code::Throttled) => match problem.retry_after {
            Some(seconds) => format!("Too many commands. Try again in {seconds} s."),
            None => "Too many commands. Try again in a moment.".into(),
        },
        Outcome::Denied(problem) => sentence(problem),
    }
}

fn refusal(code: &str) -> String {
    let words = match code {
        "refused_max_on" => "longer than this line may be on",
        "refused_interlock" => {
            "a line that must never be on together with this one is on, or was until just now"
        }
        "refused_range" => "out of the range that this line may move in",
        "refused_min_interval" => "too soon after the last time",
        "refused_busy" => "the line is busy",
        "refused_stopping" => "the device is being stopped or started anew",
        "refused_replay" => "the device has had this command before",
        "refused_token" => "the device did not accept the authority",
        "refused_unknown_line" => "the device has no such line",
        "refused_action" => "the line cannot do this",
        "refused_driver" => "the line did not respond to the device",
        _ => "",
    };
    match (words, code.strip_prefix("refused_")) {
        ("", Some(reason)) => reason.replace('_', " "),
        ("", None) => "the device would not do it".into(),
        (words, _) => words.into(),
    }
}

/// The name of an outcome as tests and style sheets read it.
pub fn outcome_mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Executed => "idle",
        Outcome::Refused(_) | Outcome::Denied(_) => "refused",
        Outcome::Expired | Outcome::NotSent | Outcome::NotArrived => "expired",
        Outcome::Unknown | Outcome::NoAnswer => "unknown",
        Outcome::Offline => "offline",
    }
}

/// Why a login failed, in one sentence.
pub fn login_problem(problem: &Problem) -> String {
    if problem.is(Code::LoginFailed) {
        "The user name or the password is wrong.".into()
    } else if problem.is(Code::PlaintextRefused) {
        "This page was opened over plain http, where a browser does not keep a session. Open it over https."
            .into()
    } else if problem.is(Code::Throttled) {
        "Too many attempts. Wait a moment before the next one.".into()
    } else if problem.is(Code::UnknownSite) {
        "There is no such site here. Check the address.".into()
    } else if problem.status >= 500 && !problem.is(Code::IssuerUnavailable) {
        format!("Something is wrong with Pinlatch itself: {}.", problem.title)
    } else {
        sentence(problem)
    }
}

/// Why a login with a provider failed, in one sentence; `code` is out of an address, where anybody may write.
pub fn provider_problem(code: &str) -> String {
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    login_problem(&Problem::new(known.copied().unwrap_or(Code::LoginRefused)))
}

/// A problem in one sentence: its own where the title says too little of what to do, else title and detail.
pub fn sentence(problem: &Problem) -> String {
    const OWN: [(Code, &str); 11] = [
        (
            Code::CodeRefused,
            "The code is not valid here. Copy it whole; it works once, and an invitation only for a week.",
        ),
        (Code::AlreadySetUp, "This site has an owner already. Log in, or ask them to invite you."),
        (Code::LinkNotValid, "This link is not valid now. Ask whoever sent it for a new one."),
        (Code::UsedUp, "This link is used up: it was good for so many uses only."),
        (Code::UnknownPerson, "There is no such person here any more."),
        (Code::UnknownToken, "There is no such token or link any more."),
        (Code::LastOwner, "A site keeps at least one owner: make somebody else an owner first."),
        (Code::LoginRefused, "The login with the provider did not succeed. Try again."),
        (
            Code::NotAdmitted,
            "The provider knows you, but nobody has let you in here. Ask an owner to admit you.",
        ),
        (Code::IdentityTaken, "Somebody else here already logs in as this person of the provider."),
        (Code::IssuerUnavailable, "The provider cannot be reached. Try again later."),
    ];
    match (OWN.iter().find(|(code, _)| problem.is(*code)), &problem.detail) {
        (Some((_, text)), _) => (*text).into(),
        (None, Some(detail)) => format!("{}: {detail}.", problem.title),
        (None, None) => format!("{}.", problem.title),
    }
}
