//! Validates the rules.

use std::collections::HashSet;

use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::{MAX_RULES, RuleInfo, Trigger};
use serde_json::{Map, Value as Json};
use toml::Spanned;

use super::super::raw;
use super::super::settings::{LineConfig, RuleConfig};
use super::checker::Checker;

/// The maximum of the keys `for_ms` and `after_ms`, which is one day.
pub(super) const MAX_WAIT_MS: u32 = 86_400_000;
/// The default and the maximum of the key `per_minute`.
pub(super) const DEFAULT_PER_MINUTE: u32 = 30;
pub(super) const MAX_PER_MINUTE: u32 = 120;

impl Checker<'_> {
    /// Checks all rules. `known` contains the names of all lines, also of invalid ones, so that an invalid line does not
    /// cause a second error.
    pub(super) fn rules(
        &mut self,
        raw: Vec<raw::Rule>,
        lines: &[LineConfig],
        known: &HashSet<String>,
    ) -> Vec<RuleConfig> {
        if let Some(rule) = raw.get(MAX_RULES) {
            let message = format!("too many rules: the maximum is {MAX_RULES}");
            self.add("config_too_many", Some(rule.name.span()), message);
        }
        let mut names = HashSet::new();
        let (mut checked, mut spans) = (Vec::new(), Vec::new());
        for rule in raw {
            let name = self.name(&rule.name);
            if !names.insert(rule.name.get_ref().clone()) {
                let message = format!("there are two rules {:?}", rule.name.get_ref());
                self.add("config_conflict", Some(rule.name.span()), message);
            }
            let when = self.trigger(&rule.when, lines, known);
            let action = self.rule_action(&rule.action, lines, known);
            let after_ms =
                self.number("after_ms", rule.after_ms.as_ref(), 0..=MAX_WAIT_MS).unwrap_or_default();
            let per_minute = self.number("per_minute", rule.per_minute.as_ref(), 1..=MAX_PER_MINUTE);
            let (Some(name), Some(when), Some((line, action, args))) = (name, when, action) else { continue };
            checked.push(RuleConfig {
                rule: RuleInfo { name, when, line, action, args, after_ms },
                per_minute: per_minute.unwrap_or(DEFAULT_PER_MINUTE),
            });
            spans.push(rule.name.span());
        }
        self.rule_circles(&checked, &spans);
        checked
    }
}

impl Checker<'_> {
    fn trigger(
        &mut self,
        when: &Spanned<raw::When>,
        lines: &[LineConfig],
        known: &HashSet<String>,
    ) -> Option<Trigger> {
        let raw = when.get_ref();
        let for_ms = self.number("for_ms", raw.for_ms.as_ref(), 1..=MAX_WAIT_MS).unwrap_or_default();
        let conditions = [
            raw.goes.is_some(),
            raw.is.is_some(),
            raw.press.is_some(),
            raw.above.is_some(),
            raw.below.is_some(),
            raw.link.is_some(),
        ];
        if conditions.iter().filter(|is_set| **is_set).count() != 1 {
            let message =
                "`when` must have exactly one of `goes`, `is`, `press`, `above`, `below` and `link`";
            self.add("config_value", Some(when.span()), message);
            return None;
        }
        self.only(
            "hysteresis",
            &raw.hysteresis,
            raw.above.is_some() || raw.below.is_some(),
            "`above` and `below`",
        );
        let waits = raw.goes.is_none() && raw.press.is_none();
        self.only("for_ms", &raw.for_ms, waits, "`is`, `above`, `below` and `link`");
        if let Some(link) = &raw.link {
            self.only("line", &raw.line, false, "triggers on a line");
            return Some(Trigger::Link { up: self.is_second("link", link, ["lost", "back"])?, for_ms });
        }
        let Some(name) = &raw.line else {
            self.add("config_missing", Some(when.span()), "`when` needs the key `line` or `link`");
            return None;
        };
        let line = self.rule_line(name, lines, known)?;
        let on_off = line.kind != LineKind::Sensor && line.kind != LineKind::Servo;
        self.only("goes", &raw.goes, on_off, "lines that are on or off");
        self.only("is", &raw.is, on_off, "lines that are on or off");
        self.only("press", &raw.press, line.long_press.is_some(), "contacts with `presses = true`");
        let number = matches!(line.kind, LineKind::Sensor | LineKind::Dimmer | LineKind::Servo);
        self.only("above", &raw.above, number, "lines whose level is a number");
        self.only("below", &raw.below, number, "lines whose level is a number");
        let hysteresis = self.number("hysteresis", raw.hysteresis.as_ref(), 0.0..=1e12).unwrap_or_default();
        let line = line.name.clone();
        if let Some(goes) = &raw.goes {
            return Some(Trigger::Goes { line, on: self.is_second("goes", goes, ["off", "on"])? });
        }
        if let Some(is) = &raw.is {
            return Some(Trigger::Lasts { line, on: self.is_second("is", is, ["off", "on"])?, for_ms });
        }
        if let Some(press) = &raw.press {
            return Some(Trigger::Press { line, long: self.is_second("press", press, ["short", "long"])? });
        }
        let (value, above) = match (&raw.above, &raw.below) {
            (Some(value), _) => (value, true),
            (_, Some(value)) => (value, false),
            _ => return None,
        };
        let limit = self.number(if above { "above" } else { "below" }, Some(value), -1e12..=1e12)?;
        Some(Trigger::Crosses { line, above, limit, hysteresis, for_ms })
    }

    /// Returns whether a key has the second of its two possible words.
    fn is_second(&mut self, key: &str, value: &Spanned<String>, words: [&str; 2]) -> Option<bool> {
        let word = value.get_ref();
        let index = words.iter().position(|own| own == word);
        if index.is_none() {
            let [first, second] = words;
            let message = format!("`{key}` is {word:?}, but must be {first:?} or {second:?}");
            self.add("config_value", Some(value.span()), message);
        }
        index.map(|index| index == 1)
    }

    /// Returns the line that a rule names.
    fn rule_line<'l>(
        &mut self,
        name: &Spanned<String>,
        lines: &'l [LineConfig],
        known: &HashSet<String>,
    ) -> Option<&'l LineConfig> {
        let word = name.get_ref();
        let found = lines.iter().find(|line| line.name.as_str() == word);
        if found.is_none() && !known.contains(word) {
            self.add("config_value", Some(name.span()), format!("there is no line {word:?}"));
        }
        found
    }
}

impl Checker<'_> {
    /// Checks the action of a rule. An action that the line's limits always refuse is an error, because the rule could
    /// never run.
    fn rule_action(
        &mut self,
        action: &raw::RuleAction,
        lines: &[LineConfig],
        known: &HashSet<String>,
    ) -> Option<(Name, String, Map<String, Json>)> {
        let raw::RuleAction { line: name, action: word, args } = action;
        let line = self.rule_line(name, lines, known)?;
        let args = args.as_ref().map(|args| serde_json::to_value(args.get_ref()));
        let args = match args.transpose() {
            Ok(Some(Json::Object(args))) => args,
            Ok(None) => Map::new(),
            _ => {
                let span = action.args.as_ref().map(Spanned::span);
                self.add("config_value", span, "`args` must be a table of arguments");
                return None;
            }
        };
        let parsed = match Action::parse(line.kind, word.get_ref(), &args) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.add("config_value", Some(word.span()), format!("the rule can never run: {error}"));
                return None;
            }
        };
        if let Some(reason) = never(line, parsed) {
            self.add("config_conflict", Some(word.span()), format!("the rule can never run: {reason}"));
        }
        Some((line.name.clone(), word.get_ref().clone(), parsed.args()))
    }

    /// Reports rules that would trigger each other in a circle. A level that a rule set triggers no rule, so the circle
    /// would not run as its author expects.
    pub(super) fn rule_circles(&mut self, rules: &[RuleConfig], spans: &[std::ops::Range<usize>]) {
        let next = |index: usize| {
            let line = rules.get(index).map(|own| own.rule.line.clone());
            (0..rules.len()).filter(move |other| {
                line.is_some() && rules.get(*other).and_then(|own| own.rule.when.line()) == line.as_ref()
            })
        };
        for (index, span) in spans.iter().enumerate() {
            let (mut open, mut seen) = (next(index).collect::<Vec<_>>(), HashSet::new());
            while let Some(other) = open.pop() {
                if other == index {
                    let message = "this rule changes a line that triggers the rule again, directly or through other rules. \
                                   A level that a rule set triggers no rule, so this circle would not run";
                    self.add("rule_circle", Some(span.clone()), message);
                    break;
                }
                if seen.insert(other) {
                    open.extend(next(other));
                }
            }
        }
    }
}

/// Returns the reason why the limits of a line refuse an action always.
fn never(line: &LineConfig, action: Action) -> Option<String> {
    let limit = line.max_on.map(|limit| limit.as_millis());
    match action {
        Action::Pulse { ms } if limit.is_some_and(|limit| u128::from(ms) > limit) => {
            Some(format!("the pulse is longer than `max_on_ms` of {}", line.name))
        }
        Action::Set { level: Level::Number(angle), .. }
            if line.range_deg.is_some_and(|(least, most)| !(least..=most).contains(&angle)) =>
        {
            Some(format!("the angle is outside `range_deg` of {}", line.name))
        }
        _ => None,
    }
}
