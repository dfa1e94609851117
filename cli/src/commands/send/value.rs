//! Reads the values of actions as people write them, such as `50%`, `3s` or `warm white`.

use anyhow::{Context, Result, bail};
use pinlatch_protocol::line::{LineKind, Rgb};
use pinlatch_protocol::wording;
use serde_json::{Map, Number, Value, json};

use super::teach::takes;

/// The duration of a pulse without a value, in milliseconds. The panel's pulses have the same duration.
const PULSE_MS: u32 = 3_000;

/// The period of a blink without a period, in milliseconds, and the number of on phases of a blink without a value.
const BLINK: (u32, u32) = (400, 5);

/// The value of an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// The arguments of the action. They have the same meaning for every kind of line.
    Arguments(Map<String, Value>),
    /// `on` or `off`. Dimmers and colour LEDs have other arguments for it than switches.
    Switched(bool),
    /// A number of percent, which only a dimmer accepts.
    Percent(f64),
    /// An angle with its unit, which only a servo accepts.
    Degrees(f64),
}

/// Returns the name of the action, and its value. The name of the action `set` can be left out before a level.
pub fn read(action: &str, words: &[String]) -> Result<(String, Typed)> {
    let text = words.join(" ");
    let text = text.trim();
    let name = match action.to_ascii_lowercase().as_str() {
        known @ ("set" | "toggle" | "pulse" | "blink") => known.to_owned(),
        "open" | "press" => "pulse".into(),
        _ => {
            let whole = [action, text].join(" ");
            return match level(whole.trim()) {
                Some(level) => Ok(("set".into(), level)),
                None => Ok((action_name(action)?, read_value(action, text)?)),
            };
        }
    };
    let value = read_value(&name, text)?;
    Ok((name, value))
}

/// Returns an error if the text has not the form of an action's name. A newer edge can have other actions than this
/// version of `pinlatch`.
fn action_name(action: &str) -> Result<String> {
    if action.is_empty() || !action.bytes().all(|byte| byte.is_ascii_lowercase()) {
        bail!("{action:?} is not an action; use set, toggle, pulse or blink");
    }
    Ok(action.to_owned())
}

fn read_value(action: &str, text: &str) -> Result<Typed> {
    if text.starts_with('{') {
        return serde_json::from_str(text).map(Typed::Arguments).context(
            "the value is not a JSON object; write, for example, '{\"value\":0.5,\"fade_ms\":500}'",
        );
    }
    let value = match (action, text) {
        ("pulse", "") => json!({ "ms": PULSE_MS }),
        ("pulse", _) => json!({ "ms": milliseconds(text).map_or_else(|| json!(text), |ms| json!(ms)) }),
        ("blink", "") => json!({ "period_ms": BLINK.0, "count": BLINK.1 }),
        ("blink", _) => {
            let times = text.trim_end_matches("times").trim_end_matches(['x', ' ']);
            json!({ "period_ms": BLINK.0, "count": times.parse().map_or_else(|_| json!(text), |count: u32| json!(count)) })
        }
        (_, "") => json!({}),
        _ => return Ok(level(text).unwrap_or_else(|| Typed::value(json!(text)))),
    };
    Ok(Typed::Arguments(object(value)))
}

/// Reads a level. Returns `None` for a text that is the level of no line.
fn level(text: &str) -> Option<Typed> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "on" | "true" => return Some(Typed::Switched(true)),
        "off" | "false" => return Some(Typed::Switched(false)),
        _ => {}
    }
    if let Some(percent) = lower.strip_suffix('%') {
        return number(percent).map(Typed::Percent);
    }
    if let Some(angle) = ["°", "degrees", "degree", "deg"].iter().find_map(|unit| lower.strip_suffix(unit)) {
        return number(angle).map(Typed::Degrees);
    }
    if let Ok(number) = serde_json::from_str::<Number>(text) {
        return Some(Typed::value(Value::Number(number)));
    }
    wording::colour(text).or_else(|| hexadecimal(text)).map(|colour| Typed::value(json!(colour)))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Reads a colour of the form `#rrggbb` or `#rgb`. The `#` can be left out, because a shell takes it as the start of a
/// comment.
fn hexadecimal(text: &str) -> Option<Rgb> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let digits: String = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    Rgb::try_from(format!("#{digits}")).ok()
}

/// Reads a duration such as `3s`, `1.5 s` or `500ms`. A number without a unit is a number of milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(end)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "ms" => 1.0,
        "s" | "sec" | "second" | "seconds" => 1_000.0,
        "m" | "min" => 60_000.0,
        _ => return None,
    };
    let ms = number(count)? * factor;
    // A longer duration is refused in any case.
    (ms.fract() == 0.0 && ms <= 1e9).then_some(ms as u64)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

impl Typed {
    fn value(value: Value) -> Self {
        Self::Arguments(Map::from_iter([("value".to_owned(), value)]))
    }

    /// Returns the arguments of the action, if they have the same meaning for every kind of line. `on` and `off` are
    /// the arguments for switches, which are the most frequent kind.
    pub fn arguments(&self) -> Option<Map<String, Value>> {
        match self {
            Self::Arguments(arguments) => Some(arguments.clone()),
            Self::Switched(on) => Some(object(json!({ "value": on }))),
            Self::Percent(_) | Self::Degrees(_) => None,
        }
    }

    /// Returns the arguments of the action for a line of the given kind.
    pub fn arguments_for(&self, kind: LineKind) -> Result<Map<String, Value>> {
        let value = match (self, kind) {
            (Self::Percent(percent), LineKind::Dimmer) => json!(percent / 100.0),
            (Self::Degrees(degrees), LineKind::Servo) => json!(degrees),
            (Self::Switched(on), LineKind::Dimmer) => json!(if *on { 1 } else { 0 }),
            (Self::Switched(false), LineKind::Rgb) => json!(Rgb(0, 0, 0)),
            (Self::Percent(_) | Self::Degrees(_), _) => match takes(kind, "set") {
                Some(takes) => bail!("{takes}"),
                None => bail!("{} has no action set", kind.described()),
            },
            _ => return Ok(self.arguments().unwrap_or_default()),
        };
        Ok(object(json!({ "value": value })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the action and the arguments that the words of a person mean for a line.
    fn meaning(kind: LineKind, words: &[&str]) -> Result<(String, Value)> {
        let rest: Vec<String> = words[1..].iter().map(ToString::to_string).collect();
        let (action, typed) = read(words[0], &rest)?;
        Ok((action, Value::Object(typed.arguments_for(kind)?)))
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        use LineKind::{Dimmer, Momentary, Rgb, Servo, Switch};
        for (kind, words, action, arguments) in [
            (Switch, &["set", "on"][..], "set", json!({ "value": true })),
            (Switch, &["on"], "set", json!({ "value": true })),
            (Switch, &["OFF"], "set", json!({ "value": false })),
            (Switch, &["toggle"], "toggle", json!({})),
            (Switch, &["blink"], "blink", json!({ "period_ms": 400, "count": 5 })),
            (Switch, &["blink", "3x"], "blink", json!({ "period_ms": 400, "count": 3 })),
            (Dimmer, &["set", "0.5"], "set", json!({ "value": 0.5 })),
            (Dimmer, &["set", "50%"], "set", json!({ "value": 0.5 })),
            (Dimmer, &["set", "50", "%"], "set", json!({ "value": 0.5 })),
            (Dimmer, &["33%"], "set", json!({ "value": 0.33 })),
            (Dimmer, &["off"], "set", json!({ "value": 0 })),
            (Dimmer, &["on"], "set", json!({ "value": 1 })),
            (Servo, &["set", "90"], "set", json!({ "value": 90 })),
            (Servo, &["set", "45°"], "set", json!({ "value": 45.0 })),
            (Servo, &["45", "deg"], "set", json!({ "value": 45.0 })),
            (Rgb, &["set", "red"], "set", json!({ "value": "#ff2010" })),
            (Rgb, &["Warm", "white"], "set", json!({ "value": "#ffc47a" })),
            (Rgb, &["set", "#F80"], "set", json!({ "value": "#ff8800" })),
            (Rgb, &["set", "ff8800"], "set", json!({ "value": "#ff8800" })),
            (Rgb, &["off"], "set", json!({ "value": "#000000" })),
            (Momentary, &["pulse"], "pulse", json!({ "ms": 3000 })),
            (Momentary, &["open"], "pulse", json!({ "ms": 3000 })),
            (Momentary, &["pulse", "250"], "pulse", json!({ "ms": 250 })),
            (Momentary, &["pulse", "3s"], "pulse", json!({ "ms": 3000 })),
            (Momentary, &["open", "1.5", "s"], "pulse", json!({ "ms": 1500 })),
            (Momentary, &["pulse", "500ms"], "pulse", json!({ "ms": 500 })),
            (
                Switch,
                &["blink", r#"{"period_ms":200,"count":3}"#],
                "blink",
                json!({ "period_ms": 200, "count": 3 }),
            ),
        ] {
            assert_eq!(meaning(kind, words).unwrap(), (action.to_owned(), arguments), "{words:?}");
        }
        for (name, colour) in wording::COLOURS {
            assert_eq!(meaning(Rgb, &["set", name]).unwrap().1, json!({ "value": colour }));
        }
    }

    #[test]
    fn a_unit_of_another_kind_moves_nothing() {
        let error = meaning(LineKind::Servo, &["set", "50%"]).unwrap_err().to_string();
        assert!(error.contains("0 to 180"), "{error}");
        let error = meaning(LineKind::Dimmer, &["set", "45°"]).unwrap_err().to_string();
        assert!(error.contains("0.5, or 50%"), "{error}");
        assert!(meaning(LineKind::Contact, &["set", "50%"]).is_err());
    }

    #[test]
    fn the_edge_refuses_what_is_no_value() {
        for words in [&["set", "soon"][..], &["set", "fast", "please"]] {
            let text = words[1..].join(" ");
            assert_eq!(meaning(LineKind::Switch, words).unwrap().1, json!({ "value": text }));
        }
        for text in ["soon", "3 days", "1.5", "-1"] {
            assert_eq!(meaning(LineKind::Momentary, &["pulse", text]).unwrap().1, json!({ "ms": text }));
        }
        assert_eq!(meaning(LineKind::Switch, &["dance"]).unwrap(), ("dance".into(), json!({})));
        assert!(meaning(LineKind::Switch, &["set", "{"]).is_err());
        assert!(meaning(LineKind::Switch, &["do it"]).is_err());
    }
}
