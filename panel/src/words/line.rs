//! Texts of the controls and notices of a line.

use pinlatch_protocol::command::SenderKind;
use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::wording;
pub use pinlatch_protocol::wording::{level, measured, reported, requested};

use super::names::title;
use super::problems::outcome;
use super::times::{ago, span};
use crate::model::{Answer, CommandOutcome, Pressed, Pulse};

pub const ON: &str = "On";
pub const OFF: &str = "Off";
pub const BLINK: &str = "Blink";
/// The accessible name of a dimmer's presets.
pub const PRESETS: &str = "Presets";
pub const DISMISS: &str = "Dismiss";
pub const READ_ONLY: &str = "You have read-only access to this line.";
pub const HOLDER: &str = "Only the holder of a key can operate this line, with a program that has the key. The server has no such key.";
/// This text is shown before a level that may be out of date.
pub const LAST_KNOWN: &str = "last known: ";

/// The reasons why a control is disabled. The tooltip of the control shows the reason.
pub mod hindrance {
    pub const NOT_CONNECTED: &str = "The page is not connected";
    pub const READ_ONLY: &str = "You have read-only access to this line";
    pub const OFFLINE: &str = "The device is offline";
    pub const HOLDER: &str = "Only the holder of a key can operate this line";
}

pub mod colour {
    /// The accessible name of the group of colour presets.
    pub const COLOURS: &str = "Colours";
    pub const ANOTHER: &str = "Another colour";
}

/// Returns the label of a dimmer's preset.
pub fn preset(percent: u8) -> String {
    match percent {
        0 => OFF.into(),
        _ => format!("{percent} %"),
    }
}

/// Formats the range of a sensor's readings, for example `20.1 °C to 21.4 °C`.
pub fn range(line: &LineView, least: f64, most: f64) -> String {
    format!("{} to {}", measured(line, least), measured(line, most))
}

/// Returns the accessible name of the diagram of a sensor's readings.
pub fn range_since(range: &str) -> String {
    format!("Range since you opened the page: {range}")
}

pub fn waiting(kind: LineKind, line: &str, action: &Action) -> String {
    let doing = match action {
        Action::Pulse { .. } if wording::opens(line) => "Opening…".into(),
        Action::Pulse { .. } => "Pressing…".into(),
        _ => format!("You asked for {}.", requested(kind, action)),
    };
    format!("{doing} Waiting for the device…")
}

/// Returns the notice that is shown if the desired level differs from the reported level.
pub fn differ(kind: LineKind, desired: &Level, reported: Option<&Level>) -> String {
    let desired = level(kind, Some(desired));
    match reported {
        Some(_) => format!("You asked for {desired}. The device says {}.", level(kind, reported)),
        None => format!("You asked for {desired}. The level is unknown."),
    }
}

/// Returns the announcement that a contact was pressed.
pub fn say_pressed(line: &Name, long: bool) -> String {
    format!("{}: {}.", title(line.as_str()), pressed(long))
}

/// Describes the result of a command, which can have been in doubt before.
pub fn answer(answer: &Answer) -> String {
    match (&answer.outcome, answer.late) {
        (CommandOutcome::Executed, true) => "The device has answered now. It was done.".into(),
        (CommandOutcome::Expired, true) => "It came too late and was not done. You can try again.".into(),
        (result, _) => outcome(result),
    }
}

/// Returns the announcement of a command's result.
pub fn say_answer(line: &Name, result: &Answer) -> String {
    format!("{}: {}", title(line.as_str()), answer(result))
}

/// The next step if a device has reported no level. The text is shown next to the level `unknown`.
pub const NO_LEVEL: &str = "Check the wiring and the device's log.";

pub fn pressed(long: bool) -> &'static str {
    if long { "Long press" } else { "Pressed" }
}

/// Describes the presses of a contact that have just arrived.
pub fn presses(press: &Pressed) -> String {
    match (press.long, press.count) {
        (true, _) => format!("{} · just now", pressed(true)),
        (false, 1) => pressed(false).into(),
        (false, count) => format!("{count} presses"),
    }
}

/// Formats the remaining time of a pulse: `2 s left`, `5 min left` or `ending`.
pub fn pulse_left(pulse: &Pulse) -> String {
    match pulse.ms.saturating_sub(pulse.gone_ms).div_ceil(1_000) {
        0 => "ending".into(),
        seconds => format!("{} left", span(u64::from(seconds) * 1_000)),
    }
}

/// Describes the last action on a line, for example `Opened 3 min ago by Courier on Friday` or `Opened 3 min ago by Exit
/// (rule)`. `viewer` is the user name of the person who reads it.
pub fn last(line: &LineView, edge_ms: u64, viewer: &str) -> Option<String> {
    let last = line.last.as_ref()?;
    let deed = wording::last_deed(line, last)?;
    let by = match last.by.kind {
        SenderKind::Person if last.by.name == viewer => "you".into(),
        SenderKind::Rule | SenderKind::Site => wording::sender(&last.by),
        _ => last.by.name.clone(),
    };
    Some(format!("{deed} {} by {by}", ago(edge_ms.saturating_sub(last.at_ms))))
}

/// Returns the value of the attribute `data-level`: `on`, `off`, `#rrggbb`, a number or `unknown`.
pub fn level_mark(level: Option<&Level>) -> String {
    level.map_or_else(|| "unknown".into(), Level::to_string)
}

/// Chooses the label of a momentary line's button by the name of the line.
pub fn press(line: &str) -> &'static str {
    if wording::opens(line) { "Open" } else { "Press" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dimmer_s_presets_are_percentages_and_off() {
        assert_eq!([0, 25, 100].map(preset), ["Off", "25 %", "100 %"]);
    }

    #[test]
    fn a_level_that_was_not_reached_is_named_with_the_reported_one() {
        let text = differ(LineKind::Switch, &Level::On(true), Some(&Level::On(false)));
        assert_eq!(text, "You asked for on. The device says off.");
        assert_eq!(
            differ(LineKind::Switch, &Level::On(true), None),
            "You asked for on. The level is unknown."
        );
    }

    #[test]
    fn a_pending_command_is_told_in_the_words_of_its_button() {
        let waits = |line, action| waiting(LineKind::Momentary, line, &action);
        let pulse = Action::Pulse { ms: 3_000 };
        assert_eq!(waits("front-door", pulse), "Opening… Waiting for the device…");
        assert_eq!(waits("horn", pulse), "Pressing… Waiting for the device…");
        let lamp = waiting(LineKind::Switch, "lamp", &Action::set(Level::On(true)));
        assert_eq!(lamp, "You asked for on. Waiting for the device…");
    }
}
