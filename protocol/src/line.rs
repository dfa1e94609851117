//! This module defines the kinds, levels and actions of GPIO lines.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::name::Name;
use crate::text::{is_unseen, seen};
use crate::wire_enum::wire_enum;

/// The longest pulse that a command can request, in milliseconds. The setting `max_on` of a line usually limits the
/// pulse further.
pub const MAX_PULSE_MS: u32 = 60_000;

/// The longest fade time that a command can request, in milliseconds.
pub const MAX_FADE_MS: u32 = 60_000;

/// The range of the period of a `blink` action, in milliseconds.
pub const BLINK_PERIOD_MS: RangeInclusive<u32> = 20..=60_000;

/// The range of the number of on phases of a `blink` action.
pub const BLINK_COUNT: RangeInclusive<u32> = 1..=1_000;

/// The maximum length of a sensor's unit, in characters.
pub const MAX_UNIT: usize = 16;

/// The largest number of decimal places of a sensor's value.
pub const MAX_PRECISION: u8 = 6;

wire_enum! {
    /// The kind of a GPIO line. The kind determines the line's actions and the type of the line's level.
    pub enum LineKind {
        /// An LED or relay supports the actions `set`, `toggle` and `blink`. The level is `true` or `false`.
        Switch = "switch",
        /// A door strike or bell push supports the action `pulse`. The level is `true` or `false`.
        Momentary = "momentary",
        /// A dimmed lamp supports the action `set`. The level is a number from 0 to 1.
        Dimmer = "dimmer",
        /// A colour LED supports the action `set`. The level is a text in the form `"#rrggbb"`.
        Rgb = "rgb",
        /// A servo supports the action `set`. The level is the angle in degrees, from 0 to 180.
        Servo = "servo",
        /// A button or reed contact has no actions. The level is `true` or `false`.
        Contact = "contact",
        /// A sensor has no actions. The level is the measured number.
        Sensor = "sensor",
    }
}

wire_enum! {
    /// Who can operate a line by way of the edge.
    pub enum Authority {
        /// Everyone to whom the edge gives the right. The device trusts the keys of the edge.
        Edge = "edge",
        /// Only the holder of a key with a grant of the owner. The edge has neither the owner's key nor the holder's.
        Holder = "holder",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro that defines the enum has no default")]
impl Default for Authority {
    fn default() -> Self {
        Self::Edge
    }
}

impl Authority {
    /// Returns whether the edge alone can operate the line. The value is left out in messages.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_edge(&self) -> bool {
        *self == Self::Edge
    }
}

/// Returns whether a text is a valid unit of a sensor. A unit has 1 to [`MAX_UNIT`] characters, no control characters,
/// no invisible characters and no direction marks ([`is_unseen`]), and no spaces at the start or end.
///
/// Earlier versions allowed invisible characters, so a reader of units calls [`visible_unit`] first.
pub fn is_unit(text: &str) -> bool {
    (1..=MAX_UNIT).contains(&text.chars().count())
        && !text.chars().any(is_unseen)
        && text.trim().len() == text.len()
}

/// Returns a unit without invisible characters and direction marks, which earlier versions allowed. Because of this
/// function, such a unit makes neither the message of a device nor the configuration file of an agent invalid. A unit
/// with control characters was never valid, so it is returned unchanged.
pub fn visible_unit(text: &str) -> String {
    let has_marks = text.chars().any(is_unseen) && !text.chars().any(char::is_control);
    if has_marks { seen(text) } else { text.to_owned() }
}

impl LineKind {
    /// Returns the names of the actions that a line of this kind supports.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Switch => &["set", "toggle", "blink"],
            Self::Momentary => &["pulse"],
            Self::Dimmer | Self::Rgb | Self::Servo => &["set"],
            Self::Contact | Self::Sensor => &[],
        }
    }

    /// Returns the kind with its article, for example `a dimmer line` or `an rgb line`.
    pub fn described(self) -> String {
        let article = if self == Self::Rgb { "an" } else { "a" };
        format!("{article} {self} line")
    }

    /// Describes the levels of this line kind, as a JSON value.
    fn levels(self) -> &'static str {
        match self {
            Self::Switch | Self::Momentary | Self::Contact => "true or false",
            Self::Dimmer => "a number from 0 to 1",
            Self::Servo => "an angle from 0 to 180 degrees",
            Self::Rgb => "a colour of the form #rrggbb",
            Self::Sensor => "a number",
        }
    }

    /// Returns whether the action `set` accepts a fade time for a line of this kind.
    pub fn fades(self) -> bool {
        matches!(self, Self::Dimmer | Self::Rgb)
    }

    /// Returns whether a level has the type and the range of this line kind.
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
        f.pad(self.as_str())
    }
}

/// The level of a GPIO line. The JSON value is, for example, `true`, `0.5` or `"#ff8800"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Level {
    /// Whether the GPIO line is active. The device has already applied the setting `active_low`.
    On(bool),
    /// A brightness from 0 to 1, an angle in degrees, or a measured value.
    Number(f64),
    /// The colour of a colour LED.
    #[cfg_attr(test, schemars(with = "schemas::Colour"))]
    Colour(Rgb),
}

impl Level {
    /// Returns whether the GPIO line is on: the level is `true`, a number above 0, or any colour except black.
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

/// A colour, written as `#rrggbb` in JSON and text.
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

/// The reason why a GPIO line cannot execute an action. Permissions and the line's state are checked later and have
/// other errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The line's kind does not support this action.
    #[error("{} does not support {action:?}; supported actions: {}", .kind.described(), list(.kind.actions()))]
    Unsupported {
        /// The kind of the GPIO line.
        kind: LineKind,
        /// The name of the requested action.
        action: String,
    },
    /// The arguments of the action are missing, have the wrong type, or are out of range.
    #[error("{0}")]
    Arguments(String),
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// An action with arguments that were checked against the kind of the GPIO line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Sets the GPIO line to a level.
    Set {
        /// The new level of the GPIO line.
        level: Level,
        /// The fade time in milliseconds, from 0 to [`MAX_FADE_MS`]. The value 0 means that the level changes without a
        /// fade. Only a dimmer and a colour LED accept a fade time above 0.
        fade_ms: u32,
    },
    /// Turns a GPIO line off if the line is on, and turns the line on if the line is off.
    Toggle,
    /// Turns the GPIO line on for the given time and then off.
    Pulse {
        /// The time for which the GPIO line is on, in milliseconds, from 1 to [`MAX_PULSE_MS`].
        ms: u32,
    },
    /// Turns the GPIO line on and off several times. After the last repetition, the line returns to its previous level.
    Blink {
        /// The duration of one on phase and the following off phase together, in milliseconds, in the range
        /// [`BLINK_PERIOD_MS`].
        period_ms: u32,
        /// The number of on phases, in the range [`BLINK_COUNT`].
        count: u32,
    },
}

impl Action {
    /// Creates a `set` action without a fade.
    pub const fn set(level: Level) -> Self {
        Self::Set { level, fade_ms: 0 }
    }

    /// Parses an action from its name and its JSON arguments. The function refuses unknown arguments. If unknown
    /// arguments were ignored, a misspelt argument could move a real door with a default value.
    pub fn parse(kind: LineKind, name: &str, args: &Map<String, Value>) -> Result<Self, ActionError> {
        if !kind.actions().contains(&name) {
            return Err(ActionError::Unsupported { kind, action: name.chars().take(32).collect() });
        }
        match name {
            "set" => {
                only(args, if kind.fades() { &["value", "fade_ms"] } else { &["value"] })?;
                let value = args.get("value").ok_or_else(|| wrong("the argument `value` is missing"))?;
                let level = serde_json::from_value(value.clone()).ok().filter(|level| kind.admits(level));
                let level = level.ok_or_else(|| {
                    let (line, levels) = (kind.described(), kind.levels());
                    wrong(format!("the argument `value` of {line} must be {levels}"))
                })?;
                let fade_ms =
                    if args.contains_key("fade_ms") { whole(args, "fade_ms", 0..=MAX_FADE_MS)? } else { 0 };
                Ok(Self::Set { level, fade_ms })
            }
            "toggle" => only(args, &[]).map(|()| Self::Toggle),
            "pulse" => {
                only(args, &["ms"])?;
                Ok(Self::Pulse { ms: whole(args, "ms", 1..=MAX_PULSE_MS)? })
            }
            "blink" => {
                only(args, &["period_ms", "count"])?;
                Ok(Self::Blink {
                    period_ms: whole(args, "period_ms", BLINK_PERIOD_MS)?,
                    count: whole(args, "count", BLINK_COUNT)?,
                })
            }
            _ => Err(ActionError::Unsupported { kind, action: name.chars().take(32).collect() }),
        }
    }

    /// Returns the action's name. The action's name is also its verb in a scope.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "set",
            Self::Toggle => "toggle",
            Self::Pulse { .. } => "pulse",
            Self::Blink { .. } => "blink",
        }
    }

    /// Returns the action's JSON arguments, which [`Action::parse`] can parse.
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

fn whole(args: &Map<String, Value>, name: &str, range: RangeInclusive<u32>) -> Result<u32, ActionError> {
    let (least, most) = (range.start(), range.end());
    let value = args.get(name).ok_or_else(|| wrong(format!("the argument `{name}` is missing")))?;
    value
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| range.contains(n))
        .ok_or_else(|| wrong(format!("the argument `{name}` must be a whole number from {least} to {most}")))
}

/// The properties of a GPIO line, as its device reports them to the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LineInfo {
    /// The line's name, which is unique on the device.
    pub name: Name,
    /// The kind of the GPIO line.
    pub kind: LineKind,
    /// The current level of the GPIO line. The field is absent if the device does not know the level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Whether the site stores a desired level for this line. The site restores the desired level when the device
    /// connects.
    #[serde(default)]
    pub retain: bool,
    /// The longest time for which the line can be on, in milliseconds. The field is absent if the time is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_on_ms: Option<u32>,
    /// The unit of a sensor, for example `°C`. [`is_unit`] checks the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_UNIT)))]
    pub unit: Option<String>,
    /// The number of decimal places of a sensor's value that are significant, from 0 to
    /// [`MAX_PRECISION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(max = MAX_PRECISION)))]
    pub precision: Option<u8>,
    /// Whether the device reports presses of this contact, because the contact is a button. The field is absent for
    /// other lines and from older agents.
    #[serde(default, skip_serializing_if = "is_false")]
    pub presses: bool,
    /// The time until the device ends the pulse or the blinking, or switches the line off because of `max_on_ms`, in
    /// milliseconds. The field is absent if no end is scheduled, and from older agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u32>,
    /// Whether the line is blinking. The field is absent if the line is not blinking, and from older agents.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blinking: bool,
    /// The level that a rule of the device set, if no command has set the line since then. The field is only present for
    /// a line with `retain`. The site takes it as the desired level. The field is absent from older agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Level>,
    /// Who can operate the line. The field is absent for `edge`, and from older agents.
    #[serde(default, skip_serializing_if = "Authority::is_edge")]
    pub authority: Authority,
}

/// Returns whether a member with the default `false` can be left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::{BLINK_COUNT, BLINK_PERIOD_MS, LineKind, MAX_FADE_MS, MAX_PULSE_MS};
    use crate::scope::VERBS;

    crate::schema::schemas! {
        struct Verb = |_| {
            let mut actions: Vec<&str> = LineKind::ALL.iter().flat_map(|kind| kind.actions()).copied().collect();
            actions.sort_by_key(|action| VERBS.iter().position(|verb| verb == action));
            actions.dedup();
            json_schema!({
                "description": "The name of an action.",
                "type": "string",
                "enum": actions,
            })
        };

        struct Colour = |_| json_schema!({
            "description": "The colour of a colour LED.",
            "type": "string",
            "pattern": "^#[0-9a-f]{6}$",
        });

        struct Arguments = |_| json_schema!({
            "description": "The arguments of an action. The action `set` needs a `value` of the type that the kind of the \
                GPIO line requires. The type is a boolean for `switch`, a number from 0 to 1 for `dimmer`, degrees from 0 \
                to 180 for `servo`, and `#rrggbb` for `rgb`. For `dimmer` and `rgb`, the action `set` also accepts a fade \
                time (`fade_ms`). The action `toggle` has no arguments. The action `pulse` needs a time (`ms`). The action \
                `blink` needs a period (`period_ms`) and a count (`count`). For any other arguments, the response is 422 \
                `invalid_arguments`.",
            "type": "object",
            "properties": {
                "value": { "oneOf": [
                    { "type": "boolean" },
                    { "type": "number", "minimum": 0, "maximum": 180 },
                    { "type": "string", "pattern": "^#[0-9A-Fa-f]{6}$" },
                ] },
                "ms": { "type": "integer", "minimum": 1, "maximum": MAX_PULSE_MS },
                "period_ms": {
                    "type": "integer",
                    "minimum": BLINK_PERIOD_MS.start(),
                    "maximum": BLINK_PERIOD_MS.end(),
                },
                "count": { "type": "integer", "minimum": BLINK_COUNT.start(), "maximum": BLINK_COUNT.end() },
                "fade_ms": { "type": "integer", "minimum": 0, "maximum": MAX_FADE_MS },
            },
            "additionalProperties": false,
            "examples": [{ "value": true }, { "ms": 300 }, {}],
        });
    }
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
    fn a_refusal_says_what_a_line_takes() {
        for (kind, name, text) in [
            (LineKind::Dimmer, "set", "the argument `value` of a dimmer line must be a number from 0 to 1"),
            (
                LineKind::Rgb,
                "set",
                "the argument `value` of an rgb line must be a colour of the form #rrggbb",
            ),
            (
                LineKind::Servo,
                "set",
                "the argument `value` of a servo line must be an angle from 0 to 180 degrees",
            ),
            (LineKind::Rgb, "toggle", "an rgb line does not support \"toggle\"; supported actions: set"),
        ] {
            let refused = parse(kind, name, json!({ "value": 400 }));
            assert_eq!(refused.map_err(|error| error.to_string()), Err(text.into()));
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
    fn a_unit_is_a_short_text_that_a_person_can_see() {
        for unit in ["°C", "%", "m/s²", "1234567890123456"] {
            assert!(is_unit(unit), "{unit}");
        }
        for unit in [
            "",
            " °C",
            "V ",
            "a\nb",
            "\u{1b}[31m",
            "12345678901234567",
            "\u{200e}°C",
            "V\u{202e}",
            "\u{200b}",
        ] {
            assert!(!is_unit(unit), "{unit:?}");
        }
        for (unit, visible) in
            [("\u{200e}°C \u{202c}", "°C"), ("°C", "°C"), (" V", " V"), ("\u{1b}\u{200e}", "\u{1b}\u{200e}")]
        {
            assert_eq!(visible_unit(unit), visible, "{unit:?}");
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
