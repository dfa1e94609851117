//! Texts of the panel. This module has those that several screens share: names, times, levels and results of commands.
//! The screens have a module each. Views have no texts, which the test in `literals.rs` checks.

pub mod board;
pub mod entry;
pub mod guest;
pub mod line;
#[cfg(test)]
mod literals;
#[cfg(test)]
mod tests;

use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::problem::{Code, Problem};

use crate::model::{CommandOutcome, Pulse};

pub use board::*;
pub use entry::*;

pub const PRODUCT: &str = "Pinlatch";
pub const CANCEL: &str = "Cancel";

/// The window's title: the name of a page or site, and the product.
pub fn page_title(name: &str) -> String {
    format!("{name} · {PRODUCT}")
}

/// Accessible name of a control that other parts of the page have, too: `Open, Door`.
pub fn about(word: &str, name: &str) -> String {
    format!("{word}, {name}")
}

/// A name as a heading: `front-door_2` becomes `Front door 2`.
pub fn title(name: &str) -> String {
    let mut spaced = name.replace(['-', '_'], " ");
    if let Some(first) = spaced.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    spaced
}

/// An age: `just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 days ago`.
pub fn ago(span_ms: u64) -> String {
    match span_ms / 1_000 {
        0..=1 => "just now".into(),
        _ => format!("{} ago", span(span_ms)),
    }
}

/// A duration in its largest unit, rounded down.
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

/// Local date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub year: u32,
    /// From 0.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
    /// Sunday is 0.
    pub weekday: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
}

/// The time of day: `14:05:09`.
pub fn clock(at: Moment) -> String {
    format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second)
}

/// A date and time without redundant parts: `14:05 today`, `Sat 22 Nov, 14:05`, `22 Nov 2027, 14:05`.
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

/// An exact duration: `3 s`, `2.5 s`, `400 ms`.
pub fn duration(ms: u32) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{:.1} s", f64::from(ms) / 1_000.0),
    }
}

/// A level, in the terms of the line's kind.
pub fn level(kind: LineKind, level: Option<&Level>) -> String {
    match (kind, level) {
        (_, None) => "unknown".into(),
        (LineKind::Contact, Some(Level::On(true))) => "closed".into(),
        (LineKind::Contact, Some(Level::On(false))) => "open".into(),
        (LineKind::Momentary, Some(Level::On(true))) => "active".into(),
        (LineKind::Momentary, Some(Level::On(false))) => "inactive".into(),
        (LineKind::Dimmer, Some(Level::Number(part))) => format!("{:.0} %", part * 100.0),
        (LineKind::Servo, Some(Level::Number(degrees))) => format!("{degrees:.0}°"),
        (LineKind::Sensor, Some(Level::Number(number))) => number_text(*number),
        (_, Some(level)) => level.to_string(),
    }
}

/// The reported level of a line. A sensor's value has its unit and the configured precision.
pub fn reported(line: &LineView) -> String {
    match (line.kind, &line.reported) {
        (LineKind::Sensor, None) => "no reading".into(),
        (LineKind::Sensor, Some(Level::Number(number))) => measured(line, *number),
        (kind, level_now) => level(kind, level_now.as_ref()),
    }
}

/// A sensor's value with its unit.
pub fn measured(line: &LineView, number: f64) -> String {
    let text = match line.precision {
        // A value that rounds to zero has no sign.
        Some(precision) => {
            let text = format!("{number:.0$}", usize::from(precision));
            let nothing = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
            if nothing { text.trim_start_matches('-').into() } else { text }
        }
        None => number_text(number),
    };
    // The no-break space keeps number and unit on one line.
    line.unit.as_ref().map_or_else(|| text.clone(), |unit| format!("{text}\u{a0}{unit}"))
}

/// Why a line shows no level; `None` if it has one.
pub fn no_level(line: &LineView) -> Option<&'static str> {
    match (line.kind, &line.reported) {
        (_, Some(_)) => None,
        (LineKind::Sensor, None) => Some("The sensor cannot be read. Check its wiring and the device's log."),
        (LineKind::Contact, None) => Some("The state of this contact is unknown."),
        (_, None) => Some("The level of this line is unknown."),
    }
}

pub fn pressed(long: bool) -> &'static str {
    if long { "Held down" } else { "Pressed" }
}

/// The remaining time of a pulse: `2 s left`, `at most 5 s left`, `ending`.
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

/// The value of `data-level`: `on`, `off`, `#rrggbb`, a number, `unknown`.
pub fn level_mark(level: Option<&Level>) -> String {
    level.map_or_else(|| "unknown".into(), Level::to_string)
}

/// Label of the button of a momentary line, chosen by the line's name.
pub fn press(line: &str) -> &'static str {
    const OPENERS: [&str; 7] = ["door", "gate", "lock", "latch", "garage", "strike", "barrier"];
    if OPENERS.iter().any(|word| line.contains(word)) { "Open" } else { "Press" }
}

/// A requested action: `on`, `a 3 s pulse`.
pub fn requested(kind: LineKind, action: &Action) -> String {
    match action {
        Action::Set { level: wanted, .. } => level(kind, Some(wanted)),
        Action::Toggle => "the other state".into(),
        Action::Pulse { ms } => format!("a {} pulse", duration(*ms)),
        Action::Blink { count, .. } => format!("{count} blinks"),
    }
}

/// The result of a command, with the next step if it failed.
pub fn outcome(outcome: &CommandOutcome) -> String {
    match outcome {
        CommandOutcome::Executed => "Done.".into(),
        CommandOutcome::Refused(code) => format!("The device refused the command: {}.", refusal(code)),
        CommandOutcome::Expired => {
            "The command was not run because its deadline passed. Try again if you still need it.".into()
        }
        CommandOutcome::Unknown => {
            "The device did not answer, so the command may have run. Check the line before you try again."
                .into()
        }
        CommandOutcome::NoAnswer => {
            "Pinlatch did not answer, so the command may have run. Check the line before you try again."
                .into()
        }
        CommandOutcome::NotSent => {
            "The command was not sent because the connection was lost. Try again when you are connected."
                .into()
        }
        CommandOutcome::NotArrived => "The command did not reach Pinlatch and was not run. Try again.".into(),
        CommandOutcome::Offline => {
            "The device is offline, so the command was not run. Check its power and network.".into()
        }
        CommandOutcome::Denied(problem) if problem.is(Code::InsufficientScope) => {
            "You do not have permission for this action. Ask an owner for access.".into()
        }
        CommandOutcome::Denied(problem) if problem.is(Code::Throttled) => match problem.retry_after {
            Some(seconds) => format!("Too many commands. Try again in {seconds} s."),
            None => "Too many commands. Try again in a moment.".into(),
        },
        CommandOutcome::Denied(problem) => sentence(problem),
    }
}

fn refusal(code: &str) -> String {
    let words = match code {
        "refused_max_on" => "the time is longer than this line may be on. Choose a shorter time",
        "refused_interlock" => {
            "a line that must never be on at the same time is on, or was on until just now. Switch that line off, then try again"
        }
        "refused_range" => {
            "the position is outside the range of this line. Choose a position within the range"
        }
        "refused_min_interval" => "the last command was too recent. Wait a moment, then try again",
        "refused_busy" => "the line is busy. Wait until it has finished, then try again",
        "refused_stopping" => "the device is stopping or restarting. Try again in a minute",
        "refused_replay" => "the device has already received this command. Send a new one",
        "refused_token" => {
            "the device could not verify the command's token. The device's log gives the reason"
        }
        "refused_unknown_line" => "the device has no such line. Reload the page",
        "refused_action" => "this line does not support the action",
        "refused_driver" => "the line's hardware did not respond. Check the wiring and the device's log",
        _ => "",
    };
    match (words, code.strip_prefix("refused_")) {
        ("", Some(reason)) => reason.replace('_', " "),
        ("", None) => "it gave no reason".into(),
        (words, _) => words.into(),
    }
}

/// The value of `data-state`.
pub fn outcome_mark(outcome: &CommandOutcome) -> &'static str {
    match outcome {
        CommandOutcome::Executed => "idle",
        CommandOutcome::Refused(_) | CommandOutcome::Denied(_) => "refused",
        CommandOutcome::Expired | CommandOutcome::NotSent | CommandOutcome::NotArrived => "expired",
        CommandOutcome::Unknown | CommandOutcome::NoAnswer => "unknown",
        CommandOutcome::Offline => "offline",
    }
}

/// Why a sign-in failed, with the next step.
pub fn login_problem(problem: &Problem) -> String {
    if problem.is(Code::LoginFailed) {
        "The user name or password is wrong. Check both, then try again.".into()
    } else if problem.is(Code::PlaintextRefused) {
        "This page was opened over plain HTTP, so the browser cannot keep a session. Open it over HTTPS."
            .into()
    } else if problem.is(Code::Throttled) {
        "Too many attempts. Wait a moment before the next one.".into()
    } else if problem.is(Code::UnknownSite) {
        "There is no site at this address. Check the address.".into()
    } else if problem.status >= 500 && !problem.is(Code::IssuerUnavailable) {
        format!("{}. The problem is on the server: try again later, or contact an owner.", problem.title)
    } else {
        sentence(problem)
    }
}

/// Why a sign-in with a provider failed. `code` comes from the address, which any link can set, so only known codes
/// are shown.
pub fn provider_problem(code: &str) -> String {
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    login_problem(&Problem::new(known.copied().unwrap_or(Code::LoginRefused)))
}

/// Title of a problem for an answer that has none, for example from a proxy.
pub fn server_answered(status: u16) -> String {
    format!("The server answered {status}")
}

/// The text for a problem: a specific one if the title does not state the next step, else title and detail.
pub fn sentence(problem: &Problem) -> String {
    const OWN: [(Code, &str); 11] = [
        (
            Code::CodeRefused,
            "The code is not valid. Copy the whole code. It works only once, and an invitation expires after 7 days.",
        ),
        (Code::AlreadySetUp, "This site already has an owner. Sign in, or ask the owner for an invitation."),
        (Code::LinkNotValid, "This link is not valid now. Ask the sender for a new link."),
        (
            Code::UsedUp,
            "This link has been used up: its number of commands was limited. Ask the sender for a new link.",
        ),
        (Code::UnknownPerson, "This person no longer exists. Reload the page."),
        (Code::UnknownToken, "This token or link no longer exists. Reload the page."),
        (Code::LastOwner, "A site needs at least one owner. Make another person an owner first."),
        (Code::LoginRefused, "The sign-in with the provider did not succeed. Try again."),
        (
            Code::NotAdmitted,
            "The provider confirmed your identity, but you have no access to this site. Ask an owner to add you.",
        ),
        (
            Code::IdentityTaken,
            "Another person of this site already uses this provider account. Choose another account.",
        ),
        (Code::IssuerUnavailable, "The provider cannot be reached. Try again later."),
    ];
    match (OWN.iter().find(|(code, _)| problem.is(*code)), &problem.detail) {
        (Some((_, text)), _) => (*text).into(),
        (None, Some(detail)) => format!("{}: {detail}.", problem.title),
        (None, None) => format!("{}.", problem.title),
    }
}
