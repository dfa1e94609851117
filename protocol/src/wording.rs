//! The words for levels, actions and names that people read. They are defined next to the messages, so that each
//! program can use the same word for the same thing.

use crate::line::{Action, Level, LineKind, Rgb};
use crate::panel::LineView;

/// A no-break space, which prevents a line break between a number and its unit.
const NBSP: char = '\u{a0}';

/// The colours that have a name, as a colour LED shows them.
pub const COLOURS: [(&str, Rgb); 6] = [
    ("white", Rgb(0xff, 0xff, 0xff)),
    ("warm white", Rgb(0xff, 0xc4, 0x7a)),
    ("red", Rgb(0xff, 0x20, 0x10)),
    ("amber", Rgb(0xff, 0x98, 0x00)),
    ("green", Rgb(0x18, 0xc8, 0x48)),
    ("blue", Rgb(0x20, 0x60, 0xff)),
];

/// Formats a name as a heading. For example, `front-door_2` becomes `Front door 2`.
pub fn title(name: &str) -> String {
    let mut spaced = name.replace(['-', '_'], " ");
    if let Some(first) = spaced.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    spaced
}

/// Returns whether the name of a momentary line suggests that the line opens something.
pub fn opens(line: &str) -> bool {
    const OPENERS: [&str; 7] = ["door", "gate", "lock", "latch", "garage", "strike", "barrier"];
    OPENERS.iter().any(|word| line.contains(word))
}

/// Formats an exact duration: `3 s`, `2.5 s` or `400 ms`.
pub fn duration(ms: u32) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{:.1} s", f64::from(ms) / 1_000.0),
    }
}

/// Formats a level, for example `closed` for a contact, `25 %` for a dimmer or `warm white` for a colour.
pub fn level(kind: LineKind, level: Option<&Level>) -> String {
    match (kind, level) {
        (_, None) => "unknown".into(),
        (LineKind::Contact, Some(Level::On(true))) => "closed".into(),
        (LineKind::Contact, Some(Level::On(false))) => "open".into(),
        (LineKind::Dimmer, Some(Level::Number(0.0))) => "off".into(),
        (LineKind::Dimmer, Some(Level::Number(part))) => format!("{:.0} %", part * 100.0),
        (LineKind::Servo, Some(Level::Number(degrees))) => format!("{degrees:.0}°"),
        (LineKind::Sensor, Some(Level::Number(reading))) => number(*reading),
        (_, Some(Level::Colour(Rgb(0, 0, 0)))) => "off".into(),
        (_, Some(Level::Colour(colour))) => COLOURS
            .iter()
            .find(|(_, rgb)| rgb == colour)
            .map_or_else(|| colour.to_string(), |(name, _)| (*name).into()),
        (_, Some(level)) => level.to_string(),
    }
}

/// Formats the reported level of a line. The reading of a sensor has the configured precision and is followed by its
/// unit.
pub fn reported(line: &LineView) -> String {
    match (line.kind, &line.reported) {
        (LineKind::Sensor, None) => "no reading".into(),
        (LineKind::Sensor, Some(Level::Number(reading))) => measured(line, *reading),
        (kind, reported) => level(kind, reported.as_ref()),
    }
}

/// Formats the reading of a sensor with its unit.
pub fn measured(line: &LineView, reading: f64) -> String {
    let text = match line.precision {
        // A reading that rounds to zero is shown without a minus sign.
        Some(precision) => {
            let text = format!("{reading:.0$}", usize::from(precision));
            let nothing = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
            if nothing { text.trim_start_matches('-').into() } else { text }
        }
        None => number(reading),
    };
    line.unit.as_ref().map_or_else(|| text.clone(), |unit| format!("{text}{NBSP}{unit}"))
}

fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// Describes a requested action, for example `on` or `a 3 s pulse`.
pub fn requested(kind: LineKind, action: &Action) -> String {
    match action {
        Action::Set { level: wanted, .. } => level(kind, Some(wanted)),
        Action::Toggle => "the other state".into(),
        Action::Pulse { ms } => format!("a {} pulse", duration(*ms)),
        Action::Blink { count: 1, .. } => "1 blink".into(),
        Action::Blink { count, .. } => format!("{count} blinks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_words() {
        let words = [
            (LineKind::Contact, Level::On(true), "closed"),
            (LineKind::Momentary, Level::On(true), "on"),
            (LineKind::Switch, Level::On(false), "off"),
            (LineKind::Dimmer, Level::Number(0.25), "25 %"),
            (LineKind::Dimmer, Level::Number(0.0), "off"),
            (LineKind::Servo, Level::Number(90.0), "90°"),
            (LineKind::Sensor, Level::Number(23.9), "23.9"),
            (LineKind::Rgb, Level::Colour(Rgb(0, 0, 0)), "off"),
            (LineKind::Rgb, Level::Colour(Rgb(0xff, 0xc4, 0x7a)), "warm white"),
            (LineKind::Rgb, Level::Colour(Rgb(1, 2, 3)), "#010203"),
        ];
        for (kind, reported, word) in words {
            assert_eq!(level(kind, Some(&reported)), word, "{kind}");
        }
        assert_eq!(level(LineKind::Switch, None), "unknown");
    }
}
