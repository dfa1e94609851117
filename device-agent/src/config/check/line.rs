//! Validates the limits, the levels and the times of a line.

use std::time::Duration;

use pinlatch_protocol::line::{
    Level, LineKind, MAX_PRECISION, MAX_PULSE_MS, MAX_UNIT, Rgb, is_unit, visible_unit,
};
use toml::{Spanned, Value};

use super::super::quantity;
use super::super::raw;
use super::super::settings::{
    DEFAULT_DEBOUNCE, DEFAULT_INTERVAL, DEFAULT_LONG_PRESS, DEFAULT_PULSE_LIMIT, DEFAULT_SAFE_AFTER,
    DriverConfig, LineConfig, OnLinkLoss, Sensing,
};
use super::checker::Checker;

/// The maximum of the key `max_on_ms` of a line that is not momentary, which is one day.
pub(super) const MAX_ON_MS: u32 = 86_400_000;
/// The maximum of the key `min_interval_ms`, which is one hour.
pub(super) const MAX_INTERVAL_MS: u32 = 3_600_000;
/// The maximum of the key `debounce_ms`. With a longer debounce time, the agent would miss real presses.
pub(super) const MAX_DEBOUNCE_MS: u32 = 5_000;
/// The allowed range of the key `long_press_ms`.
pub(super) const LONG_PRESSES_MS: std::ops::RangeInclusive<u32> = 100..=60_000;
/// The maximum of the key `interval_s` of a sensor, which is one day.
pub(super) const MAX_READ_INTERVAL_S: u32 = 86_400;
/// The maximum of the key `safe_after_s`, which is one day.
pub(super) const MAX_SAFE_AFTER_S: i64 = 86_400;
/// The possible angles of a servo, in degrees.
pub(super) const DEGREES: std::ops::RangeInclusive<f64> = 0.0..=180.0;

impl LineConfig {
    /// Returns whether the line can be switched on. All kinds of lines except servos, contacts and sensors can be
    /// switched on.
    pub fn can_be_on(&self) -> bool {
        can_be_on(self.kind)
    }
}

fn can_be_on(kind: LineKind) -> bool {
    matches!(kind, LineKind::Switch | LineKind::Momentary | LineKind::Dimmer | LineKind::Rgb)
}

impl Checker<'_> {
    pub(super) fn line(
        &mut self,
        name: Spanned<String>,
        line: raw::Line,
        driver: Option<DriverConfig>,
    ) -> Option<LineConfig> {
        let kind = *line.kind.get_ref();
        self.belongs_to_kind(&line, kind);
        let lasting = kind.actions().contains(&"set");
        let retain = line.retain.as_ref().is_some_and(|retain| *retain.get_ref());
        let range_deg = self.range(&line, kind);
        let max_on = self.max_on(&line, kind, retain);
        let min_interval = self.millis("min_interval_ms", line.min_interval_ms.as_ref(), 0..=MAX_INTERVAL_MS);
        let safe = self.safe(&name, &line, kind, range_deg, max_on.is_some());
        let initial = line.initial.as_ref().filter(|_| lasting);
        let initial = initial.and_then(|value| self.level("initial", value, kind, range_deg));
        if let (Some(value), Some(true), true) =
            (&line.initial, initial.map(|level| level.is_on()), max_on.is_some())
        {
            let message = "a line with `max_on_ms` must be off at the start of the agent: remove `initial`";
            self.add("config_conflict", Some(value.span()), message);
        }
        let on_link_loss = match &line.on_link_loss {
            Some(value) => self.link_loss(value),
            None if lasting && !retain => OnLinkLoss::SafeAfter(DEFAULT_SAFE_AFTER),
            None => OnLinkLoss::Hold,
        };
        let debounce = self.millis("debounce_ms", line.debounce_ms.as_ref(), 0..=MAX_DEBOUNCE_MS);
        let long_press = self.millis("long_press_ms", line.long_press_ms.as_ref(), LONG_PRESSES_MS);
        let presses = line.presses.as_ref().is_some_and(|presses| *presses.get_ref());
        if let (Some(value), false) = (&line.long_press_ms, presses) {
            self.add("config_conflict", Some(value.span()), "`long_press_ms` needs `presses = true`");
        }
        let sensing = self.sensing(&line, driver.as_ref());
        Some(LineConfig {
            name: self.name(&name)?,
            kind,
            driver: driver?,
            retain,
            safe,
            initial,
            range_deg,
            max_on,
            min_interval: min_interval.unwrap_or_default(),
            debounce: debounce.unwrap_or(DEFAULT_DEBOUNCE),
            long_press: presses.then(|| long_press.unwrap_or(DEFAULT_LONG_PRESS)),
            sensing,
            on_link_loss,
            signed: line.signed.as_ref().is_some_and(|signed| *signed.get_ref()),
            authority: self.authority(line.authority.as_ref(), kind, retain),
            receipts: line.receipts.as_ref().is_some_and(|receipts| *receipts.get_ref()),
        })
    }

    /// Reports an error for each key that is not allowed for this kind of line.
    fn belongs_to_kind(&mut self, line: &raw::Line, kind: LineKind) {
        let contact = kind == LineKind::Contact;
        let sensor = kind == LineKind::Sensor;
        let output = !kind.actions().is_empty();
        let lasting = kind.actions().contains(&"set");
        self.only("retain", &line.retain, lasting, "lines with the action `set`");
        self.only("initial", &line.initial, lasting, "lines with the action `set`");
        let message = "lines with the action `set`, because a pulse ends by itself";
        self.only("on_link_loss", &line.on_link_loss, lasting, message);
        self.only("max_on_ms", &line.max_on_ms, can_be_on(kind), "lines that can be switched on");
        self.only("min_interval_ms", &line.min_interval_ms, output, "lines that have actions");
        self.only("safe", &line.safe, output, "lines that have actions");
        self.only("receipts", &line.receipts, output, "lines that have actions");
        self.only("range_deg", &line.range_deg, kind == LineKind::Servo, "servos");
        self.only("debounce_ms", &line.debounce_ms, contact, "contacts");
        self.only("presses", &line.presses, contact, "contacts");
        self.only("long_press_ms", &line.long_press_ms, contact, "contacts");
        self.only("unit", &line.unit, sensor, "sensors");
        self.only("precision", &line.precision, sensor, "sensors");
        self.only("min_change", &line.min_change, sensor, "sensors");
    }

    fn max_on(&mut self, line: &raw::Line, kind: LineKind, retain: bool) -> Option<Duration> {
        let limit = if kind == LineKind::Momentary { MAX_PULSE_MS } else { MAX_ON_MS };
        let max_on = self
            .millis("max_on_ms", line.max_on_ms.as_ref(), 1..=limit)
            .or((kind == LineKind::Momentary).then_some(DEFAULT_PULSE_LIMIT));
        if retain && max_on.is_some() {
            let message = "a line with `max_on_ms` cannot have `retain = true`, because the site would switch the line on again after this time";
            self.add("config_conflict", line.max_on_ms.as_ref().map(Spanned::span), message);
        }
        max_on
    }

    fn range(&mut self, line: &raw::Line, kind: LineKind) -> Option<(f64, f64)> {
        let whole = DEGREES.into_inner();
        let Some(range) = &line.range_deg else { return (kind == LineKind::Servo).then_some(whole) };
        match range.get_ref().as_slice() {
            [least, most] if least < most && DEGREES.contains(least) && DEGREES.contains(most) => {
                Some((*least, *most))
            }
            _ => {
                let message = "`range_deg` must be two angles from 0 to 180, with the lower angle first";
                self.add("config_value", Some(range.span()), message);
                Some(whole)
            }
        }
    }

    fn safe(
        &mut self,
        name: &Spanned<String>,
        line: &raw::Line,
        kind: LineKind,
        range: Option<(f64, f64)>,
        limited: bool,
    ) -> Option<Level> {
        let off = match kind {
            LineKind::Switch | LineKind::Momentary => Level::On(false),
            LineKind::Dimmer => Level::Number(0.0),
            LineKind::Rgb => Level::Colour(Rgb(0, 0, 0)),
            LineKind::Servo => Level::Number(range.map_or(0.0, |(least, _)| least)),
            LineKind::Contact | LineKind::Sensor => return None,
        };
        let Some(value) = &line.safe else {
            if kind == LineKind::Servo {
                let message = "a servo needs `safe`, the angle of the servo when the agent starts, when the agent stops, and after a failure";
                self.add("config_missing", Some(name.span()), message);
            }
            return Some(off);
        };
        let level = self.level("safe", value, kind, range);
        if limited && level.is_some_and(|level| level.is_on()) {
            let message = "a momentary line or a line with `max_on_ms` must be off at its safe level";
            self.add("config_conflict", Some(value.span()), message);
        }
        Some(level.unwrap_or(off))
    }

    fn level(
        &mut self,
        key: &str,
        value: &Spanned<Value>,
        kind: LineKind,
        range: Option<(f64, f64)>,
    ) -> Option<Level> {
        let level = match value.get_ref() {
            Value::Boolean(on) => Some(Level::On(*on)),
            Value::Float(number) => Some(Level::Number(*number)),
            Value::Integer(number) => i32::try_from(*number).ok().map(|number| Level::Number(number.into())),
            Value::String(text) => Rgb::try_from(text.clone()).ok().map(Level::Colour),
            _ => None,
        };
        let within = |level: &Level| match (range, level) {
            (Some((least, most)), Level::Number(number)) => (least..=most).contains(number),
            _ => true,
        };
        let level = level.filter(|level| kind.admits(level) && within(level));
        if level.is_none() {
            let form = match kind {
                LineKind::Rgb => "a colour \"#rrggbb\"".into(),
                LineKind::Dimmer => "a number from 0 to 1".into(),
                LineKind::Servo => {
                    let (least, most) = range.unwrap_or(DEGREES.into_inner());
                    format!("an angle from {least} to {most}")
                }
                _ => "true or false".into(),
            };
            let line = kind.described();
            self.add("config_value", Some(value.span()), format!("`{key}` of {line} must be {form}"));
        }
        level
    }

    fn link_loss(&mut self, value: &Spanned<Value>) -> OnLinkLoss {
        let seconds = match value.get_ref() {
            Value::String(word) if word == "hold" => return OnLinkLoss::Hold,
            Value::Table(table) if table.len() == 1 => table.get("safe_after_s").and_then(Value::as_integer),
            _ => None,
        };
        let seconds = seconds.filter(|seconds| (0..=MAX_SAFE_AFTER_S).contains(seconds));
        match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
            Some(seconds) => OnLinkLoss::SafeAfter(Duration::from_secs(seconds)),
            None => {
                let message = format!(
                    "`on_link_loss` must be \"hold\" or {{ safe_after_s = N }} with N from 0 to {MAX_SAFE_AFTER_S}"
                );
                self.add("config_value", Some(value.span()), message);
                OnLinkLoss::Hold
            }
        }
    }

    fn sensing(&mut self, line: &raw::Line, driver: Option<&DriverConfig>) -> Option<Sensing> {
        let interval = self.number("interval_s", line.interval_s.as_ref(), 1..=MAX_READ_INTERVAL_S);
        let precision = self.number("precision", line.precision.as_ref(), 0..=u32::from(MAX_PRECISION));
        let min_change = self.number("min_change", line.min_change.as_ref(), 0.0..=1e12);
        let own_unit = line.unit.as_ref().map(|unit| visible_unit(unit.get_ref()));
        let is_wrong = own_unit.as_deref().is_some_and(|unit| !is_unit(unit));
        if let Some(unit) = line.unit.as_ref().filter(|_| is_wrong) {
            let message =
                format!("`unit` must have 1 to {MAX_UNIT} characters, without spaces at either end");
            self.add("config_value", Some(unit.span()), message);
        }
        if *line.kind.get_ref() != LineKind::Sensor {
            return None;
        }
        let quantity = match driver {
            Some(DriverConfig::Sensor(place)) => quantity::of(place),
            _ => quantity::UNKNOWN,
        };
        Some(Sensing {
            unit: own_unit.or(quantity.unit.map(Into::into)),
            precision: precision.and_then(|digits| u8::try_from(digits).ok()).unwrap_or(quantity.precision),
            interval: interval.map_or(DEFAULT_INTERVAL, |seconds| Duration::from_secs(seconds.into())),
            min_change: min_change.unwrap_or(0.0),
        })
    }
}
