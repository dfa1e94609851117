//! Lines: their kinds, levels and actions.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::name::Name;

/// The longest pulse of any line, in milliseconds. The `max_on` of a line is usually shorter.
pub const MAX_PULSE_MS: u32 = 60_000;

/// The longest fade, in milliseconds.
pub const MAX_FADE_MS: u32 = 60_000;

/// The longest unit of a sensor, in characters.
pub const MAX_UNIT: usize = 16;

/// The largest number of decimals of a sensor's number.
pub const MAX_PRECISION: u8 = 6;

/// The kind of a line. It determines the line's actions and the type of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// An LED or relay: `set`, `toggle`, `blink`. Level: `true` or `false`.
    Switch,
    /// A door strike or bell push: `pulse`. Level: `true` or `false`.
    Momentary,
    /// A dimmed lamp: `set`. Level: a number from 0 to 1.
    Dimmer,
    /// A colour LED: `set`. Level: `"#rrggbb"`.
    Rgb,
    /// A servo: `set`. Level: degrees, 0 to 180.
    Servo,
    /// A button or reed contact; no actions. Level: `true` or `false`.
    Contact,
    /// A measured value; no actions. Level: a number.
    Sensor,
}

/// Whether a text is a valid unit of a sensor: 1 to [`MAX_UNIT`] characters, without control characters and without
/// spaces at the start or end.
pub fn is_unit(text: &str) -> bool {
    (1..=MAX_UNIT).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && text.trim().len() == text.len()
}

impl LineKind {
    /// The names of this kind's actions.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Switch => &["set", "toggle", "blink"],
            Self::Momentary => &["pulse"],
            Self::Dimmer | Self::Rgb | Self::Servo => &["set"],
            Self::Contact | Self::Sensor => &[],
        }
    }

    /// Whether `set` accepts a fade time.
    pub fn fades(self) -> bool {
        matches!(self, Self::Dimmer | Self::Rgb)
    }

    /// Whether a level has the type and the range of this kind.
    pub fn admits(self, level: &Level) -> bool {
        match (self, level) {
            (Self::Switch | Self::Momentary | Self::Contact, Level::On(_))
            | (Self::Rgb, Level::Colour(_)) => true,
            (Self::Dimmer, Level::Number(n)) => (0.0..=1.0).contains(n),
            (Self::Servo, Level::Number(n)) => (0.0..=180.0).contains(n),
            (Self::Sensor, Level::Number(n)) => n.is_finite(),
            _ => false,
        }
    }
}

impl fmt::Display for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Switch => "switch",
            Self::Momentary => "momentary",
            Self::Dimmer => "dimmer",
            Self::Rgb => "rgb",
            Self::Servo => "servo",
            Self::Contact => "contact",
            Self::Sensor => "sensor",
        })
    }
}

/// The level of a line, as JSON: `true`, `0.5` or `"#ff8800"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Level {
    /// Whether the line is active. `active_low` has already been applied.
    On(bool),
    /// A proportion, an angle or a measurement.
    Number(f64),
    /// A colour.
    Colour(Rgb),
}

impl Level {
    /// Whether the line is on: `true`, a number above 0, or any colour except black.
    pub fn is_on(&self) -> bool {
        match self {
            Self::On(on) => *on,
            Self::Number(number) => *number > 0.0,
            Self::Colour(colour) => *colour != Rgb(0, 0, 0),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Number(number) => write!(f, "{number}"),
            Self::Colour(colour) => write!(f, "{colour}"),
        }
    }
}

/// A colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rgb(pub u8, pub u8, pub u8);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl From<Rgb> for String {
    fn from(colour: Rgb) -> String {
        colour.to_string()
    }
}

impl TryFrom<String> for Rgb {
    type Error = ActionError;
    fn try_from(text: String) -> Result<Self, ActionError> {
        let wrong = || ActionError::Arguments("a colour must have the form #rrggbb".into());
        let digits =
            text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = u32::from_str_radix(digits.ok_or_else(wrong)?, 16).map_err(|_| wrong())?;
        let [_, r, g, b] = number.to_be_bytes();
        Ok(Self(r, g, b))
    }
}

/// Why an action cannot run on a line. Permissions and the line's state are checked later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The line's kind does not have this action.
    #[error("a {kind} line has no action {action:?}; it has: {}", list(.kind.actions()))]
    Unsupported {
        /// The line's kind.
        kind: LineKind,
        /// The requested action.
        action: String,
    },
    /// The arguments are missing, of the wrong type or out of range.
    #[error("{0}")]
    Arguments(String),
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// An action with its arguments, checked against the kind of its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Sets the line to a level.
    Set {
        /// The level.
        level: Level,
        /// The fade time in milliseconds, 0 to [`MAX_FADE_MS`]. 0 means no fade. Only a dimmer and a colour LED accept
        /// other values.
        fade_ms: u32,
    },
    /// Switches on if the line is off, and off if the line is on.
    Toggle,
    /// Turns the line on for a time, then off.
    Pulse {
        /// How long the line is on, in milliseconds, 1 to [`MAX_PULSE_MS`].
        ms: u32,
    },
    /// Turns the line on and off several times. Afterwards the line has the same level as before.
    Blink {
        /// The duration of one on phase and one off phase together, 20 to 60,000 ms.
        period_ms: u32,
        /// The number of repetitions, 1 to 1,000.
        count: u32,
    },
}

impl Action {
    /// Sets a level without a fade.
    pub const fn set(level: Level) -> Self {
        Self::Set { level, fade_ms: 0 }
    }

    /// Parses an action from a request: the action's name and its JSON arguments. Unknown members are refused, so that
    /// a misspelt argument is not replaced by a default on a real door.
    pub fn parse(kind: LineKind, name: &str, args: &Map<String, Value>) -> Result<Self, ActionError> {
        if !kind.actions().contains(&name) {
            return Err(ActionError::Unsupported { kind, action: name.chars().take(32).collect() });
        }
        match name {
            "set" => {
                only(args, if kind.fades() { &["value", "fade_ms"] } else { &["value"] })?;
                let value = args.get("value").ok_or_else(|| wrong("`value` is missing"))?;
                let level: Level = serde_json::from_value(value.clone())
                    .map_err(|_| wrong(format!("`value` is not valid for a {kind} line")))?;
                if !kind.admits(&level) {
                    return Err(wrong(format!("`value` is not valid for a {kind} line")));
                }
                let fade_ms =
                    if args.contains_key("fade_ms") { whole(args, "fade_ms", 0, MAX_FADE_MS)? } else { 0 };
                Ok(Self::Set { level, fade_ms })
            }
            "toggle" => only(args, &[]).map(|()| Self::Toggle),
            "pulse" => {
                only(args, &["ms"])?;
                Ok(Self::Pulse { ms: whole(args, "ms", 1, MAX_PULSE_MS)? })
            }
            "blink" => {
                only(args, &["period_ms", "count"])?;
                Ok(Self::Blink {
                    period_ms: whole(args, "period_ms", 20, 60_000)?,
                    count: whole(args, "count", 1, 1_000)?,
                })
            }
            _ => Err(ActionError::Unsupported { kind, action: name.chars().take(32).collect() }),
        }
    }

    /// The action's name. It is also the verb in a scope.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "set",
            Self::Toggle => "toggle",
            Self::Pulse { .. } => "pulse",
            Self::Blink { .. } => "blink",
        }
    }

    /// The arguments for a request. The inverse of [`Action::parse`].
    pub fn args(&self) -> Map<String, Value> {
        let value = match self {
            Self::Set { level, fade_ms: 0 } => json!({ "value": level }),
            Self::Set { level, fade_ms } => json!({ "value": level, "fade_ms": fade_ms }),
            Self::Toggle => json!({}),
            Self::Pulse { ms } => json!({ "ms": ms }),
            Self::Blink { period_ms, count } => json!({ "period_ms": period_ms, "count": count }),
        };
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

fn wrong(text: impl Into<String>) -> ActionError {
    ActionError::Arguments(text.into())
}

fn only(args: &Map<String, Value>, known: &[&str]) -> Result<(), ActionError> {
    match args.keys().find(|key| !known.contains(&key.as_str())) {
        Some(odd) => Err(wrong(format!("unknown argument {:?}", odd.chars().take(32).collect::<String>()))),
        None => Ok(()),
    }
}

fn whole(args: &Map<String, Value>, name: &str, least: u32, most: u32) -> Result<u32, ActionError> {
    let value = args.get(name).ok_or_else(|| wrong(format!("`{name}` is missing")))?;
    value
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| wrong(format!("`{name}` must be a whole number from {least} to {most}")))
}

/// A line, as its device describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineInfo {
    /// The line's name on its device.
    pub name: Name,
    /// The line's kind.
    pub kind: LineKind,
    /// The current level; absent if the device does not know the level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Whether the site stores a desired level for the line and restores it when the device connects.
    #[serde(default)]
    pub retain: bool,
    /// The longest time that the line can be on, in milliseconds; absent if unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_on_ms: Option<u32>,
    /// A sensor's unit, such as `°C`; see [`is_unit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The number of significant decimals of a sensor's number, 0 to [`MAX_PRECISION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(kind: LineKind, name: &str, args: Value) -> Result<Action, ActionError> {
        Action::parse(kind, name, args.as_object().unwrap())
    }

    #[test]
    fn each_kind_takes_its_own_actions() {
        assert_eq!(parse(LineKind::Switch, "set", json!({"value": true})), Ok(Action::set(Level::On(true))));
        assert_eq!(parse(LineKind::Momentary, "pulse", json!({"ms": 3000})), Ok(Action::Pulse { ms: 3000 }));
        assert_eq!(
            parse(LineKind::Rgb, "set", json!({"value": "#FF8800"})),
            Ok(Action::set(Level::Colour(Rgb(255, 136, 0))))
        );
        for (kind, action) in
            [(LineKind::Contact, "set"), (LineKind::Momentary, "set"), (LineKind::Switch, "pulse")]
        {
            assert!(matches!(parse(kind, action, json!({})), Err(ActionError::Unsupported { .. })));
        }
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for (kind, action, args) in [
            (LineKind::Switch, "set", json!({})),
            (LineKind::Switch, "set", json!({"value": 1})),
            (LineKind::Switch, "set", json!({"value": true, "ms": 1})),
            (LineKind::Switch, "toggle", json!({"value": true})),
            (LineKind::Rgb, "set", json!({"value": "#ff880"})),
            (LineKind::Rgb, "set", json!({"value": "#ff88zz"})),
            (LineKind::Dimmer, "set", json!({"value": 1.01})),
            (LineKind::Servo, "set", json!({"value": -1})),
            (LineKind::Servo, "set", json!({"value": 1, "fade_ms": 10})),
            (LineKind::Switch, "set", json!({"value": true, "fade_ms": 0})),
            (LineKind::Dimmer, "set", json!({"value": 1, "fade_ms": 60_001})),
            (LineKind::Dimmer, "set", json!({"value": 1, "fade_ms": null})),
            (LineKind::Momentary, "pulse", json!({"ms": 0})),
            (LineKind::Momentary, "pulse", json!({"ms": 60_001})),
            (LineKind::Momentary, "pulse", json!({"ms": "3000"})),
            (LineKind::Switch, "blink", json!({"period_ms": 100})),
        ] {
            let outcome = parse(kind, action, args.clone());
            assert!(matches!(outcome, Err(ActionError::Arguments(_))), "{kind} {action} {args}: {outcome:?}");
        }
    }

    #[test]
    fn a_unit_is_a_short_text_without_control_characters() {
        for unit in ["°C", "%", "m/s²", "1234567890123456"] {
            assert!(is_unit(unit), "{unit}");
        }
        for unit in ["", " °C", "V ", "a\nb", "\u{1b}[31m", "12345678901234567"] {
            assert!(!is_unit(unit), "{unit:?}");
        }
    }

    proptest! {
        #[test]
        fn arguments_survive_the_wire(ms in 1..=MAX_PULSE_MS, period_ms in 20u32..=60_000, count in 1u32..=1_000, fade_ms in 0..=MAX_FADE_MS, r: u8, g: u8, b: u8) {
            for (kind, action) in [
                (LineKind::Momentary, Action::Pulse { ms }),
                (LineKind::Switch, Action::Blink { period_ms, count }),
                (LineKind::Rgb, Action::Set { level: Level::Colour(Rgb(r, g, b)), fade_ms }),
            ] {
                let text = serde_json::to_string(&action.args()).unwrap();
                let args: Map<String, Value> = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(Action::parse(kind, action.name(), &args), Ok(action));
            }
        }
    }
}
