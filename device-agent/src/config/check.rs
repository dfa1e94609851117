//! What makes a configuration acceptable, beyond its form.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use pinlatch_protocol::line::{Level, LineKind, MAX_PULSE_MS, Rgb};
use pinlatch_protocol::name::Name;
use toml::{Spanned, Value};

use super::{
    Config, DEFAULT_DEBOUNCE, DEFAULT_PULSE_LIMIT, DEFAULT_SAFE_AFTER, DriverConfig, GpioPlace, Issue,
    LineConfig, MAX_LINES, OnLinkLoss, Simulator, place, raw,
};

/// The longest `max_on_ms` of a switch: a day.
const MAX_SWITCH_ON_MS: u32 = 86_400_000;
/// The longest `min_interval_ms`: an hour.
const MAX_INTERVAL_MS: u32 = 3_600_000;
/// The longest `debounce_ms`: more would hide what a hand does.
const MAX_DEBOUNCE_MS: u32 = 5_000;
/// The longest `safe_after_s`: a day.
const MAX_SAFE_AFTER_S: i64 = 86_400;

/// Checks everything and reports all that is wrong.
pub fn check(raw: raw::File, text: &str, folder: &Path) -> Result<Config, Vec<Issue>> {
    let mut checker = Checker { text, issues: Vec::new() };
    let simulator = raw.simulator.map(|simulator| Simulator {
        journal: simulator.journal.map(|path| folder.join(path)),
        socket: simulator.socket.map(|path| folder.join(path)),
    });
    let mut lines: Vec<_> = raw.lines.into_iter().collect();
    // The map has sorted them by name; the owner's order is the order people see.
    lines.sort_by_key(|(name, _)| name.span().start);
    if lines.is_empty() {
        checker.add("config_missing", None, "there is no line: add a table [lines.NAME]");
    }
    if let Some((name, _)) = lines.get(MAX_LINES) {
        checker.add("config_too_many", Some(name.span()), format!("more than {MAX_LINES} lines"));
    }
    let mut checked = Vec::new();
    let mut taken: HashMap<GpioPlace, String> = HashMap::new();
    for (name, line) in lines {
        let place = checker.gpio(&name, &line);
        if let Some(place) = &place
            && let Some(other) = taken.insert(place.clone(), name.get_ref().clone())
        {
            let message = format!("{place} is the line {other:?} already");
            checker.add("config_conflict", Some(name.span()), message);
        }
        checker.simulated(&name, &line, simulator.as_ref());
        checked.extend(checker.line(name, line, place));
    }
    if !checker.issues.is_empty() {
        checker.issues.sort_by_key(|issue| issue.at);
        return Err(checker.issues);
    }
    Ok(Config {
        state_dir: folder.join(raw.state_dir),
        ca_file: raw.ca_file.map(|path| folder.join(path)),
        allow_plaintext: raw.allow_plaintext,
        simulator,
        lines: checked,
    })
}

struct Checker<'a> {
    text: &'a str,
    issues: Vec<Issue>,
}

impl Checker<'_> {
    fn add(&mut self, code: &'static str, span: Option<Range<usize>>, message: impl Into<String>) {
        let at = span.map(|span| place(self.text, span.start));
        self.issues.push(Issue { code, at, message: message.into() });
    }

    /// Reports a key that means nothing on this line.
    fn only<T>(&mut self, key: &str, value: &Option<Spanned<T>>, fits: bool, place: &str) {
        if let Some(value) = value
            && !fits
        {
            self.add("config_conflict", Some(value.span()), format!("`{key}` belongs to {place}"));
        }
    }

    fn in_range(
        &mut self,
        key: &str,
        value: Option<Spanned<u32>>,
        least: u32,
        most: u32,
    ) -> Option<Duration> {
        let value = value?;
        let number = *value.get_ref();
        if !(least..=most).contains(&number) {
            let message = format!("`{key}` is {number}, and must be from {least} to {most}");
            self.add("config_value", Some(value.span()), message);
        }
        Some(Duration::from_millis(number.into()))
    }

    fn simulated(&mut self, name: &Spanned<String>, line: &raw::Line, simulator: Option<&Simulator>) {
        if *line.driver.get_ref() != raw::Driver::Sim {
            return;
        }
        match simulator {
            None => self.add(
                "config_missing",
                Some(line.driver.span()),
                "a simulated line needs the table [simulator]",
            ),
            Some(Simulator { socket: None, .. }) if *line.kind.get_ref() == LineKind::Contact => self.add(
                "config_missing",
                Some(name.span()),
                "a simulated contact needs `socket` in [simulator]",
            ),
            Some(_) => {}
        }
    }

    fn gpio(&mut self, name: &Spanned<String>, line: &raw::Line) -> Option<GpioPlace> {
        let real = *line.driver.get_ref() == raw::Driver::Gpio;
        let owner = "driver = \"gpio\"";
        self.only("gpio", &line.gpio, real, owner);
        self.only("chip", &line.chip, real, owner);
        self.only("offset", &line.offset, real, owner);
        self.only("active_low", &line.active_low, real, owner);
        if !real {
            return None;
        }
        match (&line.gpio, &line.chip, &line.offset) {
            (Some(gpio), None, None) => Some(GpioPlace::Name(gpio.get_ref().clone())),
            (None, Some(chip), Some(offset)) => {
                let label = chip.get_ref().clone();
                if label.starts_with("gpiochip") {
                    let message = "a chip is named by its label (`pinlatch-agent lines` shows it): \
                                   gpiochip numbers change between kernels";
                    self.add("config_value", Some(chip.span()), message);
                }
                Some(GpioPlace::Chip { label, offset: *offset.get_ref() })
            }
            (None, None, None) => {
                let message = "say which line it is: `gpio = \"GPIO17\"`, or `chip` and `offset`";
                self.add("config_missing", Some(name.span()), message);
                None
            }
            (Some(gpio), ..) => {
                let message = "either `gpio`, or `chip` and `offset`";
                self.add("config_conflict", Some(gpio.span()), message);
                None
            }
            (None, ..) => {
                let message = "`chip` and `offset` go together";
                self.add("config_missing", Some(name.span()), message);
                None
            }
        }
    }

    fn line(
        &mut self,
        name: Spanned<String>,
        line: raw::Line,
        gpio: Option<GpioPlace>,
    ) -> Option<LineConfig> {
        let kind = *line.kind.get_ref();
        let driver = *line.driver.get_ref();
        let known =
            matches!(kind, LineKind::Switch | LineKind::Momentary | LineKind::Contact | LineKind::Rgb);
        if !known {
            let message = format!("{kind} lines are not offered by this agent yet");
            self.add("config_kind", Some(line.kind.span()), message);
            return None;
        }
        if driver == raw::Driver::Gpio && kind == LineKind::Rgb {
            let message = "a gpio line is a switch, a momentary or a contact";
            self.add("config_driver", Some(line.driver.span()), message);
        }
        let lasting = matches!(kind, LineKind::Switch | LineKind::Rgb);
        let output = kind != LineKind::Contact;
        let timed = matches!(kind, LineKind::Switch | LineKind::Momentary);
        self.only("retain", &line.retain, lasting, "switch and rgb lines");
        self.only("max_on_ms", &line.max_on_ms, timed, "switch and momentary lines");
        self.only("min_interval_ms", &line.min_interval_ms, output, "lines that take actions");
        self.only("debounce_ms", &line.debounce_ms, !output, "contacts");
        let message = "switch and rgb lines; a pulse ends by itself";
        self.only("on_link_loss", &line.on_link_loss, lasting, message);

        let retain = line.retain.as_ref().is_some_and(|retain| *retain.get_ref());
        let limit = if kind == LineKind::Momentary { MAX_PULSE_MS } else { MAX_SWITCH_ON_MS };
        let max_on_span = line.max_on_ms.as_ref().map(Spanned::span);
        let max_on = self
            .in_range("max_on_ms", line.max_on_ms, 1, limit)
            .or((kind == LineKind::Momentary).then_some(DEFAULT_PULSE_LIMIT));
        if retain && max_on.is_some() {
            let message = "a line with `max_on_ms` cannot be retained: it would be switched on again";
            self.add("config_conflict", max_on_span.clone(), message);
        }
        let safe = self.safe(kind, line.safe, max_on.is_some());
        let min_interval = self.in_range("min_interval_ms", line.min_interval_ms, 0, MAX_INTERVAL_MS);
        let debounce = self.in_range("debounce_ms", line.debounce_ms, 0, MAX_DEBOUNCE_MS);
        let on_link_loss = match line.on_link_loss {
            Some(value) => self.link_loss(&value),
            None if lasting && !retain => OnLinkLoss::SafeAfter(DEFAULT_SAFE_AFTER),
            None => OnLinkLoss::Hold,
        };
        let checked = match Name::new(name.get_ref().as_str()) {
            Ok(checked) => checked,
            Err(error) => {
                self.add("config_name", Some(name.span()), format!("{:?}: {error}", name.get_ref()));
                return None;
            }
        };
        let driver = match driver {
            raw::Driver::Sim => DriverConfig::Sim,
            raw::Driver::Gpio => DriverConfig::Gpio {
                place: gpio?,
                active_low: line.active_low.is_some_and(Spanned::into_inner),
            },
        };
        Some(LineConfig {
            name: checked,
            kind,
            driver,
            retain,
            safe,
            max_on,
            min_interval: min_interval.unwrap_or_default(),
            debounce: debounce.unwrap_or(DEFAULT_DEBOUNCE),
            on_link_loss,
        })
    }

    fn safe(&mut self, kind: LineKind, value: Option<Spanned<Value>>, limited: bool) -> Option<Level> {
        let off = match kind {
            LineKind::Switch | LineKind::Momentary => Level::On(false),
            LineKind::Rgb => Level::Colour(Rgb(0, 0, 0)),
            _ => {
                self.only("safe", &value, false, "lines that take actions");
                return None;
            }
        };
        let Some(value) = value else { return Some(off) };
        let level = match value.get_ref() {
            Value::Boolean(on) => Some(Level::On(*on)),
            Value::String(text) => Rgb::try_from(text.clone()).ok().map(Level::Colour),
            _ => None,
        };
        let Some(level) = level.filter(|level| kind.admits(level)) else {
            let form = if kind == LineKind::Rgb { "a colour \"#rrggbb\"" } else { "true or false" };
            self.add("config_value", Some(value.span()), format!("`safe` of a {kind} line is {form}"));
            return Some(off);
        };
        if limited && level != off {
            let message = "a line that may be on for a limited time only is safe when off";
            self.add("config_conflict", Some(value.span()), message);
        }
        Some(level)
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
                    "`on_link_loss` is \"hold\" or {{ safe_after_s = N }} with N from 0 to {MAX_SAFE_AFTER_S}"
                );
                self.add("config_value", Some(value.span()), message);
                OnLinkLoss::Hold
            }
        }
    }
}
