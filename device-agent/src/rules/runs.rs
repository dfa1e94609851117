//! Numbers the reports about what rules did, and keeps each report until the edge has confirmed it. Reports of an earlier
//! run of the agent come from the journal.

use std::collections::BTreeMap;
use std::path::Path;

use pinlatch_protocol::line::Level;
use pinlatch_protocol::rule::{RuleInfo, RuleRun};
use pinlatch_token::random_id;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::journal::Journal;
use crate::lines::{Course, Refused};
use crate::outbox::Outbox;

/// The time at which a rule ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RanAt {
    /// A time in this run of the agent.
    Now(Instant),
    /// Milliseconds since the machine booted, from an earlier run of the agent.
    SinceBoot(u64),
    /// Milliseconds of Unix time by the clock of the machine, from before the machine restarted.
    Wall(u64),
    /// The machine has restarted, and its clock was not set when the rule ran.
    Unknown,
}

/// The state of a line after the action of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Applied {
    pub level: Option<Level>,
    pub course: Course,
    /// The level that the line is to keep, if the action has set a level of a line with `retain`.
    pub desired: Option<Level>,
}

/// A report about a rule, whose time is not converted to edge time yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The report without its time.
    pub run: RuleRun,
    pub at: RanAt,
}

/// The number of rules, and of their actions since the start of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCounters {
    /// The number of rules in the configuration.
    pub count: usize,
    pub executed: u64,
    /// The number of refused actions for each error code.
    pub refused: BTreeMap<String, u64>,
    /// The number of reports that the edge has not confirmed.
    pub unconfirmed: usize,
}

/// The reports that the edge has not confirmed.
#[derive(Debug)]
pub struct RuleRuns {
    /// The id of this run of the agent.
    boot: String,
    /// The number of the last report in this run of the agent.
    n: u64,
    outbox: Outbox<Ran>,
    journal: Option<Journal>,
    counters: RuleCounters,
}

impl Default for RuleRuns {
    /// Returns an empty list of reports, for a new run of the agent without a journal.
    fn default() -> Self {
        Self::of_run(random_id())
    }
}

impl RuleRuns {
    pub fn of_run(boot: String) -> Self {
        Self { boot, n: 0, outbox: Outbox::default(), journal: None, counters: RuleCounters::default() }
    }

    /// Starts, changes or ends the journal. Reports that an earlier run of the agent left in the journal are sent first.
    pub fn use_journal(&mut self, file: Option<&Path>) {
        if self.journal.as_ref().map(Journal::file) == file {
            return;
        }
        if let Some(journal) = self.journal.take() {
            journal.remove();
        }
        let Some(file) = file else { return };
        let (journal, left) = Journal::open(file);
        let own = std::mem::take(&mut self.outbox);
        for ran in left.into_iter().chain(own.kept().map(|(_, ran)| ran.clone())) {
            self.outbox.push(ran);
        }
        journal.store(self.outbox.kept());
        self.journal = Some(journal);
    }

    /// Records that a rule has run its action, or that the action was refused.
    pub fn push(&mut self, rule: &RuleInfo, result: Result<Applied, &Refused>, now: Instant) {
        self.n = self.n.saturating_add(1);
        let code: Option<String> = result.err().map(|refused| refused.code().into());
        match &code {
            None => self.counters.executed += 1,
            Some(code) => *self.counters.refused.entry(code.clone()).or_default() += 1,
        }
        let Applied { level, course, desired } = result.unwrap_or_default();
        let run = RuleRun {
            boot: self.boot.clone(),
            n: self.n,
            rule: rule.name.clone(),
            line: rule.line.clone(),
            action: rule.action.clone(),
            args: rule.args.clone(),
            code,
            level,
            ends_in_ms: course.ends_in_ms(now),
            blinking: course.blinking,
            desired,
            at_ms: None,
        };
        self.outbox.push(Ran { run, at: RanAt::Now(now) });
        self.store();
    }

    /// Returns the counters for a number of rules.
    pub fn counters(&self, count: usize) -> RuleCounters {
        RuleCounters { count, unconfirmed: self.outbox.kept().count(), ..self.counters.clone() }
    }

    pub fn has_unsent(&self) -> bool {
        self.outbox.has_unsent()
    }

    pub fn take_unsent(&mut self) -> Option<Ran> {
        self.outbox.take_unsent()
    }

    /// Prepares the reports for a new connection. The hello contains the newest levels, so the reports must not contain
    /// older ones.
    pub fn reconnected(&mut self) {
        self.outbox.reconnected();
        self.outbox.change(|ran| ran.run = ran.run.repeated());
    }

    pub fn pinged(&mut self) {
        self.outbox.pinged();
    }

    pub fn is_ping_due(&self) -> bool {
        self.outbox.is_ping_due()
    }

    pub fn ponged(&mut self) {
        if self.outbox.ponged() {
            self.store();
        }
    }

    fn store(&self) {
        if let Some(journal) = &self.journal {
            journal.store(self.outbox.kept());
        }
    }
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::name::Name;
    use pinlatch_protocol::rule::Trigger;
    use serde_json::Map;

    use super::*;

    fn rule() -> RuleInfo {
        let name = |text: &str| Name::new(text).unwrap();
        RuleInfo {
            name: name("exit"),
            when: Trigger::Link { up: true, for_ms: 0 },
            line: name("door"),
            action: "toggle".into(),
            args: Map::new(),
            after_ms: 0,
        }
    }

    fn unsent(runs: &mut RuleRuns) -> Vec<(String, u64)> {
        std::iter::from_fn(|| runs.take_unsent()).map(|ran| (ran.run.boot, ran.run.n)).collect()
    }

    fn numbered(boot: &str, numbers: std::ops::RangeInclusive<u64>) -> Vec<(String, u64)> {
        numbers.map(|n| (boot.to_owned(), n)).collect()
    }

    #[test]
    fn reports_are_numbered_and_sent_until_they_are_confirmed() {
        let mut runs = RuleRuns::of_run("a".into());
        let on = Some(Level::On(true));
        runs.push(&rule(), Ok(Applied { level: on, desired: on, ..Applied::default() }), Instant::now());
        let first = runs.take_unsent().unwrap().run;
        assert_eq!((first.level, first.desired, first.code.as_deref()), (on, on, None));
        runs.push(&rule(), Err(&Refused::Busy), Instant::now());
        let refused = BTreeMap::from([("refused_busy".to_owned(), 1)]);
        assert_eq!(runs.counters(7), RuleCounters { count: 7, executed: 1, refused, unconfirmed: 2 });
        assert_eq!(runs.take_unsent().unwrap().run.code.as_deref(), Some("refused_busy"));
        runs.reconnected();
        let again = runs.take_unsent().unwrap().run;
        assert_eq!(again, RuleRun { level: None, desired: None, ..first }, "the hello contains the level");
        runs.pinged();
        runs.ponged();
        runs.reconnected();
        assert_eq!(unsent(&mut runs), numbered("a", 2..=2));
    }

    #[test]
    fn the_journal_survives_a_restart_and_forgets_confirmed_reports() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal");
        let started = |boot: &str| {
            let mut runs = RuleRuns::of_run(boot.into());
            runs.use_journal(Some(&file));
            runs
        };
        let mut first = started("a");
        (0..3).for_each(|_| first.push(&rule(), Ok(Applied::default()), Instant::now()));
        first.take_unsent().unwrap();
        first.pinged();
        first.ponged();
        drop(first);
        let mut second = started("b");
        second.push(&rule(), Ok(Applied::default()), Instant::now());
        assert_eq!(unsent(&mut second), [numbered("a", 2..=3), numbered("b", 1..=1)].concat());
        second.reconnected();
        let ran = second.take_unsent().unwrap();
        assert!(matches!(ran.at, RanAt::SinceBoot(_)), "the machine has not restarted: {:?}", ran.at);
        while second.take_unsent().is_some() {}
        second.pinged();
        second.ponged();
        drop(second);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
        assert_eq!(unsent(&mut started("c")), []);
    }

    #[test]
    fn a_reload_starts_and_ends_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal");
        let mut runs = RuleRuns::of_run("a".into());
        runs.push(&rule(), Ok(Applied::default()), Instant::now());
        runs.use_journal(Some(&file));
        runs.use_journal(Some(&file));
        drop(runs);
        let mut next = RuleRuns::of_run("b".into());
        next.use_journal(Some(&file));
        next.use_journal(None);
        assert_eq!((unsent(&mut next), file.exists()), (numbered("a", 1..=1), false));
    }
}
