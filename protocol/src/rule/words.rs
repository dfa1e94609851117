//! The sentences that the panel and the command line show for rules.

use serde_json::Value;

use super::{RuleInfo, Trigger};
use crate::line::{Action, Level, LineKind};
use crate::name::Name;
use crate::panel::LineView;
use crate::wording::{self, NBSP, duration, long_duration, title};

/// The maximum length of the name of an action that this version does not know, in characters.
const MAX_ACTION: usize = 32;

/// The range of numbers that are shown in the usual notation.
const USUAL: std::ops::Range<f64> = 1e-6..1e15;

/// Describes a rule, for example `When Exit button is pressed, Door opens for 3 s`. `lines` contains the lines of the
/// device that the caller can see. If a line of the rule is not in `lines`, the sentence does without the kind and the
/// unit of the line.
pub fn sentence(rule: &RuleInfo, lines: &[LineView]) -> String {
    let find = |name: &Name| lines.iter().find(|line| line.name == *name);
    let condition = condition(&rule.when, rule.when.line().and_then(find));
    let effect = effect(rule, find(&rule.line));
    match rule.after_ms {
        0 => format!("When {condition}, {effect}"),
        ms => format!("When {condition}, {} later {effect}", long_duration(ms)),
    }
}

/// Describes the condition of a rule, for example `Bell closes`.
fn condition(when: &Trigger, view: Option<&LineView>) -> String {
    let named = when.line().map(|line| title(line.as_str())).unwrap_or_default();
    match when {
        Trigger::Goes { on, .. } => format!("{named} {}", goes(view, *on)),
        Trigger::Press { long: false, .. } => format!("{named} is pressed"),
        Trigger::Press { long: true, .. } => format!("{named} is pressed for long"),
        Trigger::Lasts { on, for_ms: 0, .. } => format!("{named} is {}", state(view, *on)),
        Trigger::Lasts { on, for_ms, .. } => {
            format!("{named} has been {} for {}", state(view, *on), long_duration(*for_ms))
        }
        Trigger::Crosses { above, limit, hysteresis, for_ms, .. } => {
            let crossing =
                Crossing { above: *above, limit: *limit, hysteresis: *hysteresis, for_ms: *for_ms };
            format!("{named} {}", crossing.words(view))
        }
        Trigger::Link { up, for_ms } => {
            let state = if *up { "back" } else { "lost" };
            match for_ms {
                0 => format!("the connection to Pinlatch is {state}"),
                ms => format!("the connection to Pinlatch has been {state} for {}", long_duration(*ms)),
            }
        }
    }
}

/// Describes a change of a line.
fn goes(view: Option<&LineView>, on: bool) -> &'static str {
    match view.map(|view| (view.kind, view.presses)) {
        Some((LineKind::Contact, true)) => {
            if on {
                "is pressed down"
            } else {
                "is released"
            }
        }
        Some((LineKind::Contact, false)) => {
            if on {
                "closes"
            } else {
                "opens"
            }
        }
        _ => {
            if on {
                "goes on"
            } else {
                "goes off"
            }
        }
    }
}

/// Describes a level of a line that lasts.
fn state(view: Option<&LineView>, on: bool) -> &'static str {
    match view.map(|view| (view.kind, view.presses)) {
        Some((LineKind::Contact, true)) => {
            if on {
                "held down"
            } else {
                "released"
            }
        }
        Some((LineKind::Contact, false)) => {
            if on {
                "closed"
            } else {
                "open"
            }
        }
        _ => {
            if on {
                "on"
            } else {
                "off"
            }
        }
    }
}

/// A number that goes beyond a limit. The fields are those of [`Trigger::Crosses`].
struct Crossing {
    above: bool,
    limit: f64,
    hysteresis: f64,
    for_ms: u32,
}

impl Crossing {
    fn words(&self, view: Option<&LineView>) -> String {
        let limit = number(view, self.limit);
        let (verb, beyond, back) =
            if self.above { ("rises", "above", "below") } else { ("falls", "below", "above") };
        let crosses = match self.for_ms {
            0 => format!("{verb} {beyond} {limit}"),
            ms => format!("has been {beyond} {limit} for {}", long_duration(ms)),
        };
        if self.hysteresis <= 0.0 {
            return crosses;
        }
        let end = if self.above { self.limit - self.hysteresis } else { self.limit + self.hysteresis };
        format!("{crosses} (again only after it has been {back} {})", number(view, end))
    }
}

/// Formats a number of a line with its unit: `4.0 °C` for a sensor, `25 %` for a dimmer or `90°` for a servo.
fn number(view: Option<&LineView>, number: f64) -> String {
    match view {
        Some(view) if view.kind == LineKind::Dimmer => format!("{} %", exact(number * 100.0)),
        Some(view) if view.kind == LineKind::Servo => format!("{}°", exact(number)),
        Some(view) if view.kind == LineKind::Sensor => {
            let text = precise(view, number);
            view.unit.as_ref().map_or_else(|| text.clone(), |unit| format!("{text}{NBSP}{unit}"))
        }
        _ => exact(number),
    }
}

/// Formats a number with the precision of a sensor. A number that needs more decimal places has all of them.
fn precise(view: &LineView, number: f64) -> String {
    let exact_text = exact(number);
    let rounded = view.precision.map(|precision| format!("{:.1$}", number + 0.0, usize::from(precision)));
    let is_same = |text: &String| text.parse().is_ok_and(|rounded| exact(rounded) == exact_text);
    rounded.filter(is_same).unwrap_or(exact_text)
}

/// Formats a number with as many decimal places as it needs, but at most six, which hides the rounding error of a sum
/// such as 4.1 + 2.2.
fn exact(number: f64) -> String {
    if number != 0.0 && !USUAL.contains(&number.abs()) {
        return format!("{number:e}");
    }
    // The sum has no negative zero.
    let text = format!("{:.6}", number + 0.0);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// Describes the action of a rule, for example `Door opens for 3 s`.
fn effect(rule: &RuleInfo, view: Option<&LineView>) -> String {
    let (line, named) = (rule.line.as_str(), title(rule.line.as_str()));
    let kind = view.map_or_else(|| likely_kind(rule), |view| Some(view.kind));
    let known = kind.and_then(|kind| Some((kind, Action::parse(kind, &rule.action, &rule.args).ok()?)));
    match known {
        Some((kind, action)) => format!("{named} {}", does(kind, line, &action)),
        None => format!("{named} {}", may_do(rule, line)),
    }
}

/// Returns a kind of line that has the action of a rule, for a line that the caller cannot see. The action `set` with a
/// number has a different meaning for each kind.
fn likely_kind(rule: &RuleInfo) -> Option<LineKind> {
    match (rule.action.as_str(), rule.args.get("value")) {
        ("pulse", _) => Some(LineKind::Momentary),
        ("toggle" | "blink", _) | ("set", Some(Value::Bool(_))) => Some(LineKind::Switch),
        ("set", Some(Value::String(_))) => Some(LineKind::Rgb),
        _ => None,
    }
}

/// Describes an action, for example `opens for 3 s`.
fn does(kind: LineKind, line: &str, action: &Action) -> String {
    match action {
        Action::Set { level: wanted @ Level::On(_), .. } => format!("switches {wanted}"),
        Action::Set { level: wanted, fade_ms } => {
            match (wording::level(kind, Some(wanted)).as_str(), *fade_ms) {
                ("off", 0) => "switches off".into(),
                ("off", ms) => format!("fades out in {}", duration(ms)),
                (text, 0) => format!("is set to {text}"),
                (text, ms) => format!("fades to {text} in {}", duration(ms)),
            }
        }
        Action::Toggle => "toggles".into(),
        Action::Pulse { ms } => format!("{} for {}", pulses(line), duration(*ms)),
        Action::Blink { count: 1, .. } => "blinks once".into(),
        Action::Blink { count, .. } => format!("blinks {count} times"),
    }
}

/// Describes an action whose arguments this version cannot interpret, or an action that it does not know.
fn may_do(rule: &RuleInfo, line: &str) -> String {
    match (rule.action.as_str(), rule.args.get("value").and_then(Value::as_f64)) {
        ("set", Some(value)) => format!("is set to {}", exact(value)),
        ("set", None) => "is set".into(),
        ("toggle", _) => "toggles".into(),
        ("pulse", _) => pulses(line).into(),
        ("blink", _) => "blinks".into(),
        (other, _) => format!("runs the action “{}”", other.chars().take(MAX_ACTION).collect::<String>()),
    }
}

fn pulses(line: &str) -> &'static str {
    if wording::opens(line) { "opens" } else { "is pressed" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines() -> Vec<LineView> {
        let line = |more: Value| {
            let mut line = json!({ "actions": [], "reported": null, "changed_ms": null });
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(line).unwrap()
        };
        vec![
            line(json!({ "name": "exit-button", "kind": "contact", "presses": true })),
            line(json!({ "name": "bell", "kind": "contact" })),
            line(json!({ "name": "cellar", "kind": "sensor", "unit": "°C", "precision": 1 })),
            line(json!({ "name": "level", "kind": "sensor" })),
            line(json!({ "name": "desk", "kind": "dimmer" })),
            line(json!({ "name": "flap", "kind": "servo" })),
            line(json!({ "name": "rose", "kind": "rgb" })),
            line(json!({ "name": "lamp", "kind": "switch" })),
            line(json!({ "name": "door", "kind": "momentary" })),
            line(json!({ "name": "horn", "kind": "momentary" })),
        ]
    }

    fn rule(when: &Value, action: &Value) -> RuleInfo {
        let mut rule = json!({ "name": "r", "when": when });
        rule.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
        serde_json::from_value(rule).unwrap()
    }

    /// Returns the words of a trigger.
    fn when(when: &Value, lines: &[LineView]) -> String {
        let text = sentence(&rule(when, &json!({ "line": "lamp", "action": "toggle" })), lines);
        let text = text.strip_suffix(", Lamp toggles").unwrap();
        text.strip_prefix("When ").unwrap().replace(NBSP, " ")
    }

    /// Returns the words of an action.
    fn then(line: &str, action: &str, args: &Value, lines: &[LineView]) -> String {
        let when = json!({ "type": "press", "line": "exit-button" });
        let text = sentence(&rule(&when, &json!({ "line": line, "action": action, "args": args })), lines);
        text.strip_prefix("When Exit button is pressed, ").unwrap().to_owned()
    }

    #[test]
    fn a_rule_is_one_sentence() {
        let pulse = json!({ "line": "door", "action": "pulse", "args": { "ms": 3_000 } });
        let press = json!({ "type": "press", "line": "exit-button" });
        assert_eq!(
            sentence(&rule(&press, &pulse), &lines()),
            "When Exit button is pressed, Door opens for 3 s"
        );
        let later = RuleInfo { after_ms: 500, ..rule(&press, &pulse) };
        assert_eq!(
            sentence(&later, &lines()),
            "When Exit button is pressed, 500 ms later Door opens for 3 s"
        );
        let later = RuleInfo { after_ms: 5_400_000, ..later };
        assert!(sentence(&later, &lines()).contains(", 1 h 30 min later Door"));
    }

    #[test]
    fn every_trigger_has_words() {
        for (trigger, text) in [
            (json!({ "type": "goes", "line": "bell", "on": true }), "Bell closes"),
            (json!({ "type": "goes", "line": "bell", "on": false }), "Bell opens"),
            (json!({ "type": "goes", "line": "exit-button", "on": true }), "Exit button is pressed down"),
            (json!({ "type": "goes", "line": "exit-button", "on": false }), "Exit button is released"),
            (json!({ "type": "goes", "line": "lamp", "on": true }), "Lamp goes on"),
            (json!({ "type": "goes", "line": "rose", "on": false }), "Rose goes off"),
            (json!({ "type": "press", "line": "exit-button" }), "Exit button is pressed"),
            (
                json!({ "type": "press", "line": "exit-button", "long": true }),
                "Exit button is pressed for long",
            ),
            (json!({ "type": "lasts", "line": "bell", "on": true, "for_ms": 0 }), "Bell is closed"),
            (
                json!({ "type": "lasts", "line": "bell", "on": false, "for_ms": 120_000 }),
                "Bell has been open for 2 min",
            ),
            (
                json!({ "type": "lasts", "line": "exit-button", "on": true, "for_ms": 2_500 }),
                "Exit button has been held down for 2.5 s",
            ),
            (
                json!({ "type": "lasts", "line": "exit-button", "on": false, "for_ms": 0 }),
                "Exit button is released",
            ),
            (
                json!({ "type": "lasts", "line": "door", "on": true, "for_ms": 5_400_000 }),
                "Door has been on for 1 h 30 min",
            ),
            (json!({ "type": "lasts", "line": "desk", "on": false, "for_ms": 0 }), "Desk is off"),
            (
                json!({ "type": "link", "up": false, "for_ms": 600_000 }),
                "the connection to Pinlatch has been lost for 10 min",
            ),
            (
                json!({ "type": "link", "up": true, "for_ms": 5_000 }),
                "the connection to Pinlatch has been back for 5 s",
            ),
            (json!({ "type": "link", "up": false, "for_ms": 0 }), "the connection to Pinlatch is lost"),
            (json!({ "type": "link", "up": true, "for_ms": 0 }), "the connection to Pinlatch is back"),
        ] {
            assert_eq!(when(&trigger, &lines()), text);
        }
    }

    #[test]
    fn a_limit_has_the_unit_and_the_precision_of_its_line() {
        let crosses = |line: &str, above: bool, limit: f64, hysteresis: f64, for_ms: u32| {
            json!({ "type": "crosses", "line": line, "above": above, "limit": limit, "hysteresis": hysteresis,
                "for_ms": for_ms })
        };
        for (trigger, text) in [
            (
                crosses("cellar", false, 4.0, 2.0, 0),
                "Cellar falls below 4.0 °C (again only after it has been above 6.0 °C)",
            ),
            (crosses("cellar", true, 30.0, 0.0, 0), "Cellar rises above 30.0 °C"),
            (
                crosses("cellar", true, 4.1, 2.2, 0),
                "Cellar rises above 4.1 °C (again only after it has been below 1.9 °C)",
            ),
            (crosses("cellar", false, -0.0, 0.0, 0), "Cellar falls below 0.0 °C"),
            (crosses("cellar", false, -18.25, 0.0, 300_000), "Cellar has been below -18.25 °C for 5 min"),
            (
                crosses("level", true, 1.5, 0.25, 60_000),
                "Level has been above 1.5 for 1 min (again only after it has been below 1.25)",
            ),
            (crosses("level", true, 1e300, 0.0, 0), "Level rises above 1e300"),
            (crosses("level", true, 1e-7, 0.0, 0), "Level rises above 1e-7"),
            (crosses("desk", true, 0.07, 0.0, 0), "Desk rises above 7 %"),
            (
                crosses("desk", false, 0.5, 0.105, 0),
                "Desk falls below 50 % (again only after it has been above 60.5 %)",
            ),
            (
                crosses("flap", true, 90.0, 22.5, 0),
                "Flap rises above 90° (again only after it has been below 67.5°)",
            ),
        ] {
            assert_eq!(when(&trigger, &lines()), text);
        }
    }

    #[test]
    fn every_action_has_words() {
        for (line, action, args, text) in [
            ("lamp", "set", json!({ "value": true }), "Lamp switches on"),
            ("lamp", "set", json!({ "value": false }), "Lamp switches off"),
            ("lamp", "toggle", json!({}), "Lamp toggles"),
            ("lamp", "blink", json!({ "period_ms": 600, "count": 5 }), "Lamp blinks 5 times"),
            ("lamp", "blink", json!({ "period_ms": 600, "count": 1 }), "Lamp blinks once"),
            ("door", "pulse", json!({ "ms": 3_000 }), "Door opens for 3 s"),
            ("horn", "pulse", json!({ "ms": 400 }), "Horn is pressed for 400 ms"),
            ("desk", "set", json!({ "value": 0.25 }), "Desk is set to 25 %"),
            ("desk", "set", json!({ "value": 0.25, "fade_ms": 2_000 }), "Desk fades to 25 % in 2 s"),
            ("desk", "set", json!({ "value": 0 }), "Desk switches off"),
            ("desk", "set", json!({ "value": 0, "fade_ms": 2_000 }), "Desk fades out in 2 s"),
            ("flap", "set", json!({ "value": 90 }), "Flap is set to 90°"),
            ("rose", "set", json!({ "value": "#ff2010" }), "Rose is set to red"),
            ("rose", "set", json!({ "value": "#000000" }), "Rose switches off"),
            // Actions and arguments of a newer version.
            ("lamp", "strobe", json!({}), "Lamp runs the action “strobe”"),
            ("lamp", "set", json!({ "value": { "hue": 7 } }), "Lamp is set"),
            ("door", "pulse", json!({ "ms": 3_000, "strength": 1 }), "Door opens"),
            ("horn", "pulse", json!({}), "Horn is pressed"),
            ("lamp", "blink", json!({ "pattern": "sos" }), "Lamp blinks"),
            ("lamp", "toggle", json!({ "at": 1 }), "Lamp toggles"),
        ] {
            assert_eq!(then(line, action, &args, &lines()), text);
        }
        let long = "x".repeat(500);
        assert!(then("lamp", &long, &json!({}), &lines()).len() < 80);
    }

    #[test]
    fn a_line_that_the_caller_cannot_see_has_words_without_its_kind() {
        for (trigger, text) in [
            (json!({ "type": "goes", "line": "bell", "on": true }), "Bell goes on"),
            (json!({ "type": "press", "line": "bell", "long": true }), "Bell is pressed for long"),
            (
                json!({ "type": "lasts", "line": "bell", "on": false, "for_ms": 1_000 }),
                "Bell has been off for 1 s",
            ),
            (
                json!({ "type": "crosses", "line": "cellar", "above": false, "limit": 4.0, "hysteresis": 2.0, "for_ms": 0 }),
                "Cellar falls below 4 (again only after it has been above 6)",
            ),
        ] {
            assert_eq!(when(&trigger, &[]), text);
        }
        for (line, action, args, text) in [
            ("lamp", "set", json!({ "value": true }), "Lamp switches on"),
            ("desk", "set", json!({ "value": 0.25, "fade_ms": 100 }), "Desk is set to 0.25"),
            ("rose", "set", json!({ "value": "#ff2010" }), "Rose is set to red"),
            ("door", "pulse", json!({ "ms": 3_000 }), "Door opens for 3 s"),
            ("lamp", "toggle", json!({}), "Lamp toggles"),
            ("lamp", "blink", json!({ "period_ms": 600, "count": 2 }), "Lamp blinks 2 times"),
            ("lamp", "strobe", json!({}), "Lamp runs the action “strobe”"),
        ] {
            assert_eq!(then(line, action, &args, &[]), text);
        }
    }
}
