//! Texts of the controls and notices of a line.

use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;

use super::{level, measured, outcome, pressed, requested, title};
use crate::model::CommandOutcome;

pub const ON: &str = "On";
pub const OFF: &str = "Off";
pub const BLINK: &str = "Blink";
pub const DISMISS: &str = "Dismiss";
pub const READ_ONLY: &str = "You have read-only access to this line.";
/// This text is shown before a level that may be out of date.
pub const LAST_KNOWN: &str = "last known: ";

/// The reasons why a control is disabled. The tooltip of the control shows the reason.
pub mod hindrance {
    pub const NOT_CONNECTED: &str = "The page is not connected";
    pub const READ_ONLY: &str = "You have read-only access to this line";
    pub const OFFLINE: &str = "The device is offline";
}

pub mod colour {
    /// The accessible name of the group of colour presets.
    pub const COLOURS: &str = "Colours";
    pub const ANOTHER: &str = "Another colour";
    pub const WHITE: &str = "White";
    pub const WARM_WHITE: &str = "Warm white";
    pub const RED: &str = "Red";
    pub const AMBER: &str = "Amber";
    pub const GREEN: &str = "Green";
    pub const BLUE: &str = "Blue";
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

pub fn waiting(kind: LineKind, action: &Action) -> String {
    format!("Requested: {}. Waiting for the device…", requested(kind, action))
}

/// Returns the notice that is shown if the desired level differs from the reported level.
pub fn differ(kind: LineKind, desired: &Level, reported: Option<&Level>) -> String {
    format!(
        "The requested level is {}, but the reported level is {}.",
        level(kind, Some(desired)),
        level(kind, reported)
    )
}

/// Returns the announcement that a contact was pressed.
pub fn say_pressed(line: &Name, long: bool) -> String {
    format!("{}: {}.", title(line.as_str()), pressed(long))
}

/// Returns the announcement of a command's result.
pub fn say_outcome(line: &Name, result: &CommandOutcome) -> String {
    format!("{}: {}", title(line.as_str()), outcome(result))
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
        assert_eq!(text, "The requested level is on, but the reported level is off.");
        assert_eq!(
            differ(LineKind::Switch, &Level::On(true), None),
            "The requested level is on, but the reported level is unknown."
        );
    }
}
