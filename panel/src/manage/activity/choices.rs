//! The choices of the filter: the actors, targets and outcomes that can be in the log.

use pinlatch_protocol::admin::{Person, TokenView};
use pinlatch_protocol::audit::outcomes::{choices, selects};
use pinlatch_protocol::audit::{AuditEntry, words};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::wording::title;

/// The people, tokens and lines that the viewer is allowed to see. Entries of the log can name others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    pub people: Vec<Person>,
    pub tokens: Vec<TokenView>,
    /// The devices with their lines.
    pub devices: Vec<(Name, Vec<Name>)>,
}

/// A choice: the value of the filter, and the text that people see.
pub type Choice = (String, String);

fn add(choices: &mut Vec<Choice>, value: &str, text: impl FnOnce() -> String) {
    if choices.iter().all(|(known, _)| known != value) {
        choices.push((value.into(), text()));
    }
}

fn token_text(token: &TokenView) -> String {
    format!("{} ({})", token.name, words::token_kind(Some(token.kind.as_str())))
}

fn with_kind((name, kind): (String, Option<&'static str>)) -> String {
    kind.map_or_else(|| name.clone(), |kind| format!("{name} ({kind})"))
}

/// Returns the actors: people, tokens, devices, and all others in the loaded entries, for example rules. `chosen` is the present
/// value of the filter, which is always a choice.
pub fn actors(known: &Known, entries: &[AuditEntry], chosen: Option<&str>) -> Vec<Choice> {
    let mut choices = Vec::new();
    for person in &known.people {
        add(&mut choices, person.username.as_str(), || person.username.to_string());
    }
    for token in &known.tokens {
        add(&mut choices, &format!("token:{}", token.jti), || token_text(token));
    }
    for (device, _) in &known.devices {
        let value = format!("device:{device}");
        add(&mut choices, &value, || with_kind(words::nameless(&value)));
    }
    for entry in entries {
        add(&mut choices, &entry.actor, || with_kind(words::actor(entry)));
    }
    if let Some(chosen) = chosen {
        add(&mut choices, chosen, || with_kind(words::nameless(chosen)));
    }
    choices
}

/// Returns the targets: lines, devices, people and tokens.
pub fn targets(known: &Known) -> Vec<Choice> {
    let mut choices = Vec::new();
    for (device, lines) in &known.devices {
        add(&mut choices, device.as_str(), || format!("{} (device)", title(device.as_str())));
        for line in lines {
            let text = || format!("{} ({})", title(line.as_str()), title(device.as_str()));
            add(&mut choices, &format!("{device}/{line}"), text);
        }
    }
    for person in &known.people {
        add(&mut choices, person.username.as_str(), || person.username.to_string());
    }
    for token in &known.tokens {
        add(&mut choices, &token.jti, || token_text(token));
    }
    choices
}

/// Returns the outcomes: all that the protocol defines, and the others in the loaded entries.
pub fn outcomes(entries: &[AuditEntry]) -> Vec<Choice> {
    let mut all: Vec<Choice> = choices().into_iter().map(|(text, value)| (value, text)).collect();
    for entry in entries {
        if all.iter().all(|(value, _)| !selects(value, &entry.outcome)) {
            all.push((entry.outcome.clone(), pinlatch_protocol::audit::outcomes::outcome(entry).1));
        }
    }
    all
}

/// Returns the choice of outcomes that contains an outcome, because a link can name a single one.
pub fn outcome_with(outcome: Option<&str>) -> String {
    let Some(outcome) = outcome else { return String::new() };
    let found = choices().into_iter().map(|(_, value)| value).find(|value| selects(value, outcome));
    found.unwrap_or_else(|| outcome.into())
}

/// The meaning of the text in the field for the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A device, line, person or token.
    Exact(String),
    /// A part of a name.
    Part(String),
}

/// Finds the target with the given text. Any other text is a part of a name.
pub fn target_of(text: &str, choices: &[Choice]) -> Option<Target> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let lower = text.to_lowercase();
    let same = |own: &str| own.to_lowercase() == lower;
    let found = choices.iter().find(|(_, own)| same(own));
    let found = found.or_else(|| choices.iter().find(|(value, _)| same(value)));
    Some(found.map_or(Target::Part(text.into()), |(value, _)| Target::Exact(value.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(actor: &str, outcome: &str) -> AuditEntry {
        AuditEntry { actor: actor.into(), outcome: outcome.into(), ..AuditEntry::default() }
    }

    fn known() -> Known {
        let name = |text: &str| Name::new(text).unwrap();
        let token = serde_json::json!({ "jti": "t1", "kind": "guest", "name": "Cleaner", "creator": "ann",
            "scope": "line:*/*:read", "not_before": 1, "expires_at": 2, "uses": 0, "created_ms": 1 });
        let person = serde_json::json!({ "username": "ann", "scope": "", "created_ms": 1, "sessions": 1 });
        Known {
            people: vec![serde_json::from_value(person).unwrap()],
            tokens: vec![serde_json::from_value(token).unwrap()],
            devices: vec![(name("porch"), vec![name("front-door")])],
        }
    }

    #[test]
    fn actors_are_those_of_the_site_and_of_the_log() {
        let named = AuditEntry {
            actor_name: Some("Courier".into()),
            actor_kind: Some("guest".into()),
            ..entry("token:gone", "done")
        };
        let log = [entry("ann", "done"), named, entry("site:gate", "3"), entry("rule:exit", "executed")];
        let found = actors(&known(), &log, Some("bob"));
        let found: Vec<(&str, &str)> = found.iter().map(|(value, text)| (&**value, &**text)).collect();
        assert_eq!(
            found,
            [
                ("ann", "ann"),
                ("token:t1", "Cleaner (guest link)"),
                ("device:porch", "Porch (device)"),
                ("token:gone", "Courier (guest link)"),
                ("site:gate", "Pinlatch"),
                ("rule:exit", "Exit (rule)"),
                ("bob", "bob"),
            ]
        );
    }

    #[test]
    fn a_target_is_found_by_its_words_or_by_a_part_of_a_name() {
        let choices = targets(&known());
        let exact = |text: &str| Some(Target::Exact(text.into()));
        assert_eq!(target_of("Front door (Porch)", &choices), exact("porch/front-door"));
        assert_eq!(target_of("front DOOR (porch)", &choices), exact("porch/front-door"));
        assert_eq!(target_of("Porch/Front-Door", &choices), exact("porch/front-door"));
        assert_eq!(target_of(" porch ", &choices), exact("porch"));
        assert_eq!(target_of("Cleaner (guest link)", &choices), exact("t1"));
        assert_eq!(target_of("door", &choices), Some(Target::Part("door".into())));
        assert_eq!(target_of(" ", &choices), None);
    }

    /// B26: every outcome in the log can be chosen.
    #[test]
    fn every_outcome_in_the_log_can_be_chosen() {
        let log = ["refused_busy", "used_up", "executed", "amended_expired", "refused_by_the_cat"];
        let log = log.map(|outcome| entry("ann", outcome));
        let choices = outcomes(&log);
        for entry in &log {
            let found = choices.iter().filter(|(value, _)| selects(value, &entry.outcome)).count();
            assert_eq!(found, 1, "{}", entry.outcome);
        }
        assert!(choices.iter().any(|(_, text)| text == "refused: busy with a pulse"));
        assert!(selects(&outcome_with(Some("executed")), "done"));
        assert_eq!(outcome_with(Some("refused_by_the_cat")), "refused_by_the_cat");
        assert_eq!(outcome_with(None), "");
    }
}
