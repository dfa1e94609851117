//! The words for levels, actions and names that the panel and the command line show to people. One thing has the same
//! word everywhere.

use crate::agent::warning;
use crate::command::{LastCommand, Sender, SenderKind};
use crate::line::{Action, Level, LineKind, Rgb};
use crate::panel::LineView;

/// A no-break space, which prevents a line break between a number and its unit.
pub(crate) const NBSP: char = '\u{a0}';

/// The colours that have a name, as a colour LED shows them.
pub const COLOURS: [(&str, Rgb); 6] = [
    ("white", Rgb(0xff, 0xff, 0xff)),
    ("warm white", Rgb(0xff, 0xc4, 0x7a)),
    ("red", Rgb(0xff, 0x20, 0x10)),
    ("amber", Rgb(0xff, 0x98, 0x00)),
    ("green", Rgb(0x18, 0xc8, 0x48)),
    ("blue", Rgb(0x20, 0x60, 0xff)),
];

/// Returns the colour with a name of [`COLOURS`]. Upper and lower case are equal, and `-` and `_` are equal to a space.
pub fn colour(name: &str) -> Option<Rgb> {
    let name = name.to_ascii_lowercase().replace(['-', '_'], " ");
    COLOURS.iter().find(|(known, _)| *known == name).map(|(_, colour)| *colour)
}

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

/// Explains what a new enrolment string for an enrolled device does.
pub const REPLACES: &str = "The current computer has access until the new enrolment string is used. After that, only the new computer has access.";

/// Describes a warning that an agent reports, and the next step of the owner. Returns `None` for the code of a newer
/// agent.
pub fn warning(code: &str) -> Option<&'static str> {
    match code {
        warning::CONFIG_UNUSABLE => Some(
            "The configuration file is invalid, so the agent runs with its last good configuration. Run `pinlatch-agent check-config` on the device.",
        ),
        warning::STATE_NOT_STORED => Some(
            "The device cannot store new keys, because its disk is full, read-only or damaged. Replace the SD card or free some space.",
        ),
        _ => None,
    }
}

/// Returns the command that enrols a device. The agent's package needs root to write to the agent's state folder. The
/// enrolment string is not an argument, because other users and the log of `sudo` see the arguments of a program.
pub fn enrol_command(enrolment: &str) -> String {
    // The string comes from the edge, so a quote in the string must not end the argument of `echo`.
    let quoted = enrolment.replace('\'', "'\\''");
    format!("echo '{quoted}' | sudo pinlatch-agent enrol -")
}

/// Formats an exact duration: `3 s`, `2.5 s` or `400 ms`.
pub fn duration(ms: u32) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{:.1} s", f64::from(ms) / 1_000.0),
    }
}

/// Formats an exact duration that can be long: `400 ms`, `2.5 s`, `2 min` or `1 h 30 min`.
pub fn long_duration(ms: u32) -> String {
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let seconds = match rest % 1_000 {
        0 => (rest / 1_000).to_string(),
        part => format!("{}.{}", rest / 1_000, format!("{part:03}").trim_end_matches('0')),
    };
    let parts = [
        (hours > 0, hours.to_string(), "h"),
        (minutes > 0, minutes.to_string(), "min"),
        (rest > 0, seconds, "s"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(is_shown, ..)| *is_shown)
        .map(|(_, number, unit)| format!("{number} {unit}"))
        .collect();
    parts.join(" ")
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
/// unit. A contact that is a button is `pressed` or `not pressed`. A line that blinks is `blinking`.
pub fn reported(line: &LineView) -> String {
    match (line.kind, &line.reported) {
        (_, Some(_)) if line.blinking => "blinking".into(),
        (LineKind::Contact, Some(Level::On(on))) if line.presses => {
            if *on {
                "pressed".into()
            } else {
                "not pressed".into()
            }
        }
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

/// Describes an executed action on a line, for example `switched Lamp (Porch) on` or `opened Door (Porch) for 3 s`.
/// `line` is the name of the line, and `named` is the text for it.
pub fn done(kind: LineKind, line: &str, named: &str, action: &Action) -> String {
    phrase(kind, line, named, action, Tense::Past)
}

/// Describes an action on a line that was not executed, for example `switch Lamp (Porch) on`, which continues a
/// sentence such as `ann tried to`. The arguments are those of [`done`].
pub fn attempted(kind: LineKind, line: &str, named: &str, action: &Action) -> String {
    phrase(kind, line, named, action, Tense::Infinitive)
}

/// The form of the verb in a description of an action.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tense {
    Past,
    Infinitive,
}

impl Tense {
    pub(crate) fn of(self, infinitive: &'static str, past: &'static str) -> &'static str {
        match self {
            Self::Past => past,
            Self::Infinitive => infinitive,
        }
    }
}

fn phrase(kind: LineKind, line: &str, named: &str, action: &Action, tense: Tense) -> String {
    let switch = tense.of("switch", "switched");
    match action {
        Action::Set { level: wanted @ Level::On(_), .. } => format!("{switch} {named} {wanted}"),
        Action::Set { level: wanted, .. } => match level(kind, Some(wanted)).as_str() {
            "off" => format!("{switch} {named} off"),
            text => format!("set {named} to {text}"),
        },
        Action::Toggle => format!("{} {named}", tense.of("toggle", "toggled")),
        Action::Pulse { ms } => format!("{} {named} for {}", press(line, tense), duration(*ms)),
        Action::Blink { count: 1, .. } => format!("let {named} blink once"),
        Action::Blink { count, .. } => format!("let {named} blink {count} times"),
    }
}

/// Describes an executed action without the name of its line, for example `Switched on` or `Opened`.
pub fn deed(kind: LineKind, line: &str, action: &Action) -> String {
    match action {
        Action::Set { level: wanted @ Level::On(_), .. } => format!("Switched {wanted}"),
        Action::Set { level: wanted, .. } => match level(kind, Some(wanted)).as_str() {
            "off" => "Switched off".into(),
            text => format!("Set to {text}"),
        },
        Action::Toggle => "Toggled".into(),
        Action::Pulse { .. } if opens(line) => "Opened".into(),
        Action::Pulse { .. } => "Pressed".into(),
        Action::Blink { .. } => "Set to blink".into(),
    }
}

/// Describes the last action on a line without the name of the line, for example `Opened`, or `Switched on again` if the
/// site restored a desired level. Returns `None` if this version does not know the action.
pub fn last_deed(line: &LineView, last: &LastCommand) -> Option<String> {
    let action = Action::parse(line.kind, &last.action, &last.args).ok()?;
    let again = if last.by.kind == SenderKind::Site { " again" } else { "" };
    Some(format!("{}{again}", deed(line.kind, line.name.as_str(), &action)))
}

/// Describes the last action on a line and its cause, for example `opened by Courier on Friday (guest link)` or `opened by
/// Exit (rule)`.
pub fn last_by(line: &LineView, last: &LastCommand) -> Option<String> {
    let mut deed = last_deed(line, last)?;
    if let Some(first) = deed.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Some(format!("{deed} by {}", sender(&last.by)))
}

/// Formats the cause of an action, for example `ann`, `Courier on Friday (guest link)` or `Exit (rule)`.
pub fn sender(by: &Sender) -> String {
    match by.kind {
        SenderKind::Person | SenderKind::External => by.name.clone(),
        SenderKind::Api => format!("{} (API token)", by.name),
        SenderKind::Guest => format!("{} (guest link)", by.name),
        SenderKind::Rule => format!("{} (rule)", title(&by.name)),
        SenderKind::Site => "Pinlatch".into(),
    }
}

/// Returns the verb for a pulse on a momentary line.
pub(crate) fn press(line: &str, tense: Tense) -> &'static str {
    if opens(line) { tense.of("open", "opened") } else { tense.of("press", "pressed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(line: serde_json::Value) -> LineView {
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn a_hostile_enrolment_string_stays_one_argument() {
        let command = enrol_command("https://edge.example/#x'; reboot; echo '.print");
        assert_eq!(
            command,
            r"echo 'https://edge.example/#x'\''; reboot; echo '\''.print' | sudo pinlatch-agent enrol -"
        );
    }

    #[test]
    fn every_warning_has_words() {
        for code in warning::ALL {
            assert!(warning::is_code(code) && super::warning(code).is_some(), "{code}");
        }
        assert!(!warning::is_code("") && !warning::is_code("a b") && !warning::is_code(&"a".repeat(41)));
    }

    #[test]
    fn a_button_is_pressed_and_a_contact_is_closed() {
        let contact = |on: bool, presses: bool| {
            view(
                serde_json::json!({ "name": "bell", "kind": "contact", "actions": [], "reported": on, "presses": presses,
                "changed_ms": null }),
            )
        };
        let words = [(true, true), (false, true), (true, false), (false, false)];
        let words = words.map(|(on, presses)| reported(&contact(on, presses)));
        assert_eq!(words, ["pressed", "not pressed", "closed", "open"]);
    }

    #[test]
    fn a_blinking_line_is_neither_on_nor_off() {
        let lamp = |on: bool| {
            view(
                serde_json::json!({ "name": "lamp", "kind": "switch", "actions": [], "reported": on, "blinking": true,
                "changed_ms": null }),
            )
        };
        assert_eq!([true, false].map(|on| reported(&lamp(on))), ["blinking", "blinking"]);
    }

    #[test]
    fn the_last_command_has_a_deed_and_a_sender() {
        let last = |action: &str, args: serde_json::Value, kind: SenderKind| LastCommand {
            by: Sender { kind, name: "Courier".into() },
            action: action.into(),
            args: args.as_object().unwrap().clone(),
            at_ms: 0,
        };
        let line = |name: &str, kind: &str| {
            view(
                serde_json::json!({ "name": name, "kind": kind, "actions": [], "reported": null, "changed_ms": null }),
            )
        };
        let opened = last("pulse", serde_json::json!({ "ms": 3_000 }), SenderKind::Guest);
        assert_eq!(last_deed(&line("front-door", "momentary"), &opened).as_deref(), Some("Opened"));
        assert_eq!(last_deed(&line("horn", "momentary"), &opened).as_deref(), Some("Pressed"));
        assert_eq!(last_deed(&line("door", "switch"), &opened), None, "the line has another kind now");
        assert_eq!(sender(&opened.by), "Courier (guest link)");
        let by = last_by(&line("front-door", "momentary"), &opened);
        assert_eq!(by.as_deref(), Some("opened by Courier (guest link)"));
        let dimmed = last("set", serde_json::json!({ "value": 0.25 }), SenderKind::Api);
        assert_eq!(last_deed(&line("desk", "dimmer"), &dimmed).as_deref(), Some("Set to 25 %"));
        assert_eq!(sender(&dimmed.by), "Courier (API token)");
        let off = last("set", serde_json::json!({ "value": false }), SenderKind::Person);
        assert_eq!(last_deed(&line("lamp", "switch"), &off).as_deref(), Some("Switched off"));
        assert_eq!(sender(&off.by), "Courier");
    }

    #[test]
    fn the_cause_of_a_level_can_be_a_rule_or_the_site() {
        let line = view(
            serde_json::json!({ "name": "porch-light", "kind": "switch", "actions": [], "reported": true, "changed_ms": 0 }),
        );
        let last = |kind: SenderKind, name: &str| {
            let args = serde_json::json!({ "value": true }).as_object().unwrap().clone();
            let last =
                LastCommand { by: Sender { kind, name: name.into() }, action: "set".into(), args, at_ms: 0 };
            last_by(&line, &last).unwrap()
        };
        assert_eq!(last(SenderKind::Rule, "at-dusk"), "switched on by At dusk (rule)");
        assert_eq!(last(SenderKind::Site, "site:reconcile"), "switched on again by Pinlatch");
    }

    #[test]
    fn a_long_duration_is_exact_and_short() {
        for (ms, text) in [
            (0, "0 ms"),
            (500, "500 ms"),
            (3_000, "3 s"),
            (2_500, "2.5 s"),
            (1_250, "1.25 s"),
            (59_999, "59.999 s"),
            (60_000, "1 min"),
            (90_000, "1 min 30 s"),
            (60_400, "1 min 0.4 s"),
            (120_000, "2 min"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
            (3_605_000, "1 h 5 s"),
            (86_400_000, "24 h"),
        ] {
            assert_eq!(long_duration(ms), text);
        }
    }

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

    #[test]
    fn colours_are_found_by_their_names() {
        for (name, rgb) in COLOURS {
            assert_eq!(colour(name), Some(rgb));
            assert_eq!(colour(&name.to_ascii_uppercase().replace(' ', "-")), Some(rgb));
        }
        assert_eq!(colour("ultraviolet"), None);
    }

    #[test]
    fn executed_actions_are_sentences() {
        let done = |kind, line: &str, action| done(kind, line, &title(line), &action);
        assert_eq!(done(LineKind::Switch, "lamp", Action::set(Level::On(true))), "switched Lamp on");
        assert_eq!(done(LineKind::Dimmer, "desk", Action::set(Level::Number(0.25))), "set Desk to 25 %");
        assert_eq!(done(LineKind::Dimmer, "desk", Action::set(Level::Number(0.0))), "switched Desk off");
        assert_eq!(
            done(LineKind::Rgb, "rose", Action::set(Level::Colour(Rgb(0xff, 0x20, 0x10)))),
            "set Rose to red"
        );
        assert_eq!(
            done(LineKind::Momentary, "front-door", Action::Pulse { ms: 3_000 }),
            "opened Front door for 3 s"
        );
        assert_eq!(done(LineKind::Momentary, "horn", Action::Pulse { ms: 400 }), "pressed Horn for 400 ms");
        assert_eq!(done(LineKind::Switch, "lamp", Action::Toggle), "toggled Lamp");
        let tried = |kind, line: &str, action| attempted(kind, line, &title(line), &action);
        assert_eq!(tried(LineKind::Switch, "lamp", Action::set(Level::On(true))), "switch Lamp on");
        assert_eq!(tried(LineKind::Momentary, "door", Action::Pulse { ms: 3_000 }), "open Door for 3 s");
        assert_eq!(tried(LineKind::Switch, "lamp", Action::Toggle), "toggle Lamp");
    }
}
