//! Validates a configuration after the file was parsed.

mod checker;
#[cfg(test)]
mod documentation;
mod line;
mod owner;
mod place;
mod rules;
mod uplink;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use pinlatch_protocol::agent::MAX_LINES;
use pinlatch_protocol::line::Level;
use toml::Spanned;

use self::checker::Checker;
use super::raw;
use super::settings::{Config, DEFAULT_DEAD_TIME, Interlock, Issue, LineConfig, RULES_JOURNAL, Simulator};

/// The maximum of the key `dead_time_ms`, which is one minute.
const MAX_DEAD_TIME_MS: u32 = 60_000;

/// Checks the whole configuration and reports all errors together.
pub fn check(raw: raw::File, text: &str, folder: &Path) -> Result<Config, Vec<Issue>> {
    let mut checker = Checker { text, issues: Vec::new() };
    let simulator = raw.simulator.map(|simulator| Simulator {
        journal: simulator.journal.map(|path| folder.join(path)),
        socket: simulator.socket.map(|path| folder.join(path)),
    });
    let mut lines: Vec<_> = raw.lines.into_iter().collect();
    // The map is sorted by name, but the panel shows the lines in the order of the configuration file.
    lines.sort_by_key(|(name, _)| name.span().start);
    if lines.is_empty() {
        checker.add(
            "config_missing",
            None,
            "the configuration defines no GPIO lines: add a table [lines.NAME]",
        );
    }
    if let Some((name, _)) = lines.get(MAX_LINES) {
        checker.add(
            "config_too_many",
            Some(name.span()),
            format!("too many lines: the maximum is {MAX_LINES}"),
        );
    }
    let mut checked = Vec::new();
    let mut taken: HashMap<String, String> = HashMap::new();
    // The set `known` also contains invalid lines, so that an interlock with an invalid line does not cause a second
    // error.
    let mut known = HashSet::new();
    for (name, line) in lines {
        known.insert(name.get_ref().clone());
        let driver = checker.driver(&name, &line, simulator.as_ref());
        for place in driver.iter().flat_map(place::occupied) {
            if let Some(other) = taken.insert(place.clone(), name.get_ref().clone()) {
                let message = format!("{place} is already used by the line {other:?}");
                checker.add("config_conflict", Some(name.span()), message);
            }
        }
        checked.extend(checker.line(name, line, driver));
    }
    let proxy = checker.proxy(raw.proxy.as_ref());
    let link_timeout = checker.link_timeout(raw.link_timeout_s.as_ref());
    let metrics = checker.metrics(raw.metrics.as_ref(), raw.allow_remote_metrics);
    let interlocks = checker.interlocks(raw.interlocks, &checked, &known);
    let rules = checker.rules(raw.rules, &checked, &known);
    let owner = checker.owner(raw.owner.as_ref(), &checked);
    if !checker.issues.is_empty() {
        checker.issues.sort_by_key(|issue| issue.at);
        return Err(checker.issues);
    }
    let state_dir = folder.join(raw.state_dir);
    Ok(Config {
        rules_journal: raw.rules_journal.then(|| state_dir.join(RULES_JOURNAL)),
        state_dir,
        ca_file: raw.ca_file.map(|path| folder.join(path)),
        allow_plaintext: raw.allow_plaintext,
        proxy,
        link_timeout,
        metrics,
        status_socket: raw.status_socket.map(|path| folder.join(path)),
        sysfs: PathBuf::from("/sys"),
        simulator,
        lines: checked,
        interlocks,
        rules,
        owner,
    })
}

impl Checker<'_> {
    fn interlocks(
        &mut self,
        raw: BTreeMap<Spanned<String>, raw::Interlock>,
        lines: &[LineConfig],
        known: &HashSet<String>,
    ) -> Vec<Interlock> {
        let mut checked = Vec::new();
        for (name, interlock) in raw {
            self.name(&name);
            let dead_time =
                self.millis("dead_time_ms", interlock.dead_time_ms.as_ref(), 0..=MAX_DEAD_TIME_MS);
            if interlock.lines.get_ref().len() < 2 {
                let message = "an interlock needs at least two lines";
                self.add("config_value", Some(interlock.lines.span()), message);
            }
            let mut members = Vec::new();
            for member in interlock.lines.get_ref() {
                let word = member.get_ref();
                let found = lines.iter().enumerate().find(|(_, line)| line.name.as_str() == word);
                match found {
                    Some((index, _)) if members.contains(&index) => {
                        let message = format!("the line {word:?} is listed twice in this interlock");
                        self.add("config_conflict", Some(member.span()), message);
                    }
                    Some((index, line)) => {
                        self.interlocked(member, line);
                        members.push(index);
                    }
                    None if known.contains(word) => {}
                    None => {
                        self.add("config_value", Some(member.span()), format!("there is no line {word:?}"));
                    }
                }
            }
            checked.push(Interlock { lines: members, dead_time: dead_time.unwrap_or(DEFAULT_DEAD_TIME) });
        }
        checked
    }

    /// Reports an error if a line is not allowed to be in an interlock. An interlocked line must be off at its safe
    /// level and at its initial level. Otherwise two interlocked lines could be on at the same time, because lines
    /// reach these levels at different times.
    fn interlocked(&mut self, member: &Spanned<String>, line: &LineConfig) {
        let LineConfig { name, kind, .. } = line;
        if !line.can_be_on() {
            let message = format!(
                "{name} is {}, which cannot be switched on: remove the line from the interlock",
                kind.described()
            );
            self.add("config_conflict", Some(member.span()), message);
        } else if [line.safe, line.initial].iter().flatten().any(Level::is_on) {
            let message = format!(
                "{name} is on at its safe or initial level: an interlocked line must be off at both levels"
            );
            self.add("config_conflict", Some(member.span()), message);
        }
    }
}
