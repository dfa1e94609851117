//! Describes devices and GPIO lines in words, with the colours of their states.

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::wording;

use crate::terminal::colour::{Tone, paint};
use crate::terminal::text::plain;
use crate::terminal::times::{ago, stamp_ms};

/// Describes whether a device is online, or since when it is offline.
pub fn presence(device: &DeviceView, now_ms: u64) -> String {
    match device.last_seen_ms {
        _ if device.online => reachable(true, device.answering),
        Some(at_ms) => paint(Tone::Bad, &format!("offline {}", since(at_ms, now_ms))),
        None => paint(Tone::Warning, "never seen"),
    }
}

/// Describes whether a device is online and answers commands.
pub fn reachable(online: bool, answering: bool) -> String {
    match (online, answering) {
        (true, true) => paint(Tone::Good, "online"),
        (true, false) => paint(Tone::Warning, "not answering"),
        (false, _) => paint(Tone::Bad, "offline"),
    }
}

/// Formats the time since when a device is offline.
pub fn since(at_ms: u64, now_ms: u64) -> String {
    format!(
        "since {}{}",
        stamp_ms(at_ms),
        ago(at_ms, now_ms).map_or_else(String::new, |ago| format!(" ({ago})"))
    )
}

/// The key of a device, compared with the device identity in the owner's own folder. If the owner has no identity of the
/// device, only the edge's word exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    Unconfirmed,
    /// The edge names the key that the owner confirmed.
    Confirmed,
    /// The edge says that it has an identity for the key.
    AccordingToEdge,
    /// The edge names another key than the key that the owner confirmed.
    Differs,
}

impl Confirmation {
    /// Compares the key that the edge names with the key that the owner confirmed.
    pub fn of(device: &DeviceView, own: Option<&str>) -> Self {
        match (own, &device.key) {
            (Some(own), Some(key)) if own == key => Self::Confirmed,
            (Some(_), Some(_)) => Self::Differs,
            _ if device.confirmed => Self::AccordingToEdge,
            _ => Self::Unconfirmed,
        }
    }

    /// Returns the words after the presence of the device.
    pub fn words(self) -> Option<String> {
        match self {
            Self::Confirmed => Some(paint(Tone::Good, "confirmed")),
            Self::AccordingToEdge => Some("confirmed, according to the edge".into()),
            Self::Unconfirmed | Self::Differs => None,
        }
    }

    /// Returns a warning for the owner.
    pub fn warning(self, device: &Name) -> Option<String> {
        (self == Self::Differs).then(|| {
            format!(
                "The edge names another key for this device than you confirmed. \
                 To compare the key with the device, run `pinlatch device confirm {device}`."
            )
        })
    }
}

/// Describes the reported level of a line without the colour of its state.
pub fn reported(line: &LineView) -> String {
    spaced(&wording::reported(line))
}

/// Describes the reported level of a line, and the level that was asked for if it differs.
pub fn state(line: &LineView) -> String {
    let mut text = paint(tone(line), &reported(line));
    if let Some(desired) = line.desired.as_ref().filter(|desired| Some(**desired) != line.reported) {
        text.push_str(&paint(Tone::Warning, &format!(" (asked for: {})", level(line.kind, desired))));
    }
    text
}

/// Describes a level of a line.
pub fn level(kind: LineKind, level: &Level) -> String {
    spaced(&wording::level(kind, Some(level)))
}

fn tone(line: &LineView) -> Tone {
    match (line.kind, &line.reported) {
        (_, None) => Tone::Warning,
        (LineKind::Contact | LineKind::Sensor | LineKind::Servo, _) => Tone::Plain,
        (_, Some(level)) if level.is_on() => Tone::On,
        _ => Tone::Plain,
    }
}

/// Replaces no-break spaces, which a person cannot type in a search. The text can contain the unit of a device.
pub fn spaced(text: &str) -> String {
    plain(&text.replace('\u{a0}', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;
    use serde_json::{Value, json};

    fn view(changes: &Value) -> LineView {
        let mut view =
            json!({ "name": "x", "kind": "switch", "actions": [], "reported": null, "changed_ms": null });
        view.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn levels_have_their_words_and_units() {
        for (line, text) in [
            (json!({ "kind": "sensor", "reported": 23.94, "unit": "°C", "precision": 1 }), "23.9 °C"),
            (
                json!({ "kind": "sensor", "reported": 1, "unit": "V\u{1b}[32m\n\u{202e}" }),
                "1 V\\u001b[32m\\u000a\\u202e",
            ),
            (json!({ "kind": "sensor" }), "no reading"),
            (json!({ "kind": "dimmer", "reported": 0.25 }), "25 %"),
            (json!({ "kind": "rgb", "reported": "#ff2010" }), "red"),
            (json!({ "reported": true, "desired": true }), "on"),
            (json!({ "reported": false, "desired": true }), "off (asked for: on)"),
            (json!({}), "unknown"),
        ] {
            assert_eq!(for_stdout(&state(&view(&line))), text, "{line}");
        }
    }

    #[test]
    fn what_is_on_or_unknown_stands_out() {
        let colour = |line: Value| tone(&view(&line));
        assert_eq!(colour(json!({ "reported": true })), Tone::On);
        assert_eq!(colour(json!({ "kind": "dimmer", "reported": 0.0 })), Tone::Plain);
        assert_eq!(colour(json!({ "kind": "contact", "reported": true })), Tone::Plain);
        assert_eq!(colour(json!({})), Tone::Warning);
    }
}
