//! Runs the rules of the configuration file. A rule runs an action on a line of this device when a line or the connection
//! to the edge changes. Rules work without a connection to the edge.
//!
//! The board reports every change to the rules, and runs the actions that are due. All limits of the lines apply to
//! them. This module uses no clock and no I/O.

mod journal;
mod runs;
mod state;

use std::collections::VecDeque;
use std::time::Duration;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::{RuleInfo, Trigger};
use tokio::time::Instant;

use crate::config::RuleConfig;
pub use runs::{Applied, Ran, RanAt, RuleCounters, RuleRuns};
pub use state::Observed;
use state::State;

/// The period of a rule's limit `per_minute`, and the time between two reports that the limit was reached.
const MINUTE: Duration = Duration::from_secs(60);

/// An action that is due now.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    Run(RuleInfo),
    /// The rule has reached its rate, so its action must not run. Only the first refusal in a minute is reported.
    TooOften(RuleInfo),
}

struct Rule {
    config: RuleConfig,
    state: State,
    /// The times of the last actions, at most `per_minute` of them.
    ran: VecDeque<Instant>,
    /// The time at which the action runs, if the rule was triggered.
    run_at: Option<Instant>,
    refused_at: Option<Instant>,
}

impl Rule {
    fn new(config: RuleConfig) -> Self {
        Self { config, state: State::default(), ran: VecDeque::new(), run_at: None, refused_at: None }
    }

    /// Triggers the rule. A rule that already waits for its delay starts the delay again, so that for example a lamp stays
    /// on while someone moves.
    fn trigger(&mut self, now: Instant) {
        self.run_at = Some(now + Duration::from_millis(self.config.rule.after_ms.into()));
    }

    /// Returns whether the rule can run now, and counts this run.
    fn admit(&mut self, now: Instant) -> bool {
        self.ran.retain(|at| now < *at + MINUTE);
        let is_admitted = u32::try_from(self.ran.len()).is_ok_and(|ran| ran < self.config.per_minute);
        if is_admitted {
            self.ran.push_back(now);
        }
        is_admitted
    }

    fn due(&mut self, now: Instant) -> Option<Due> {
        self.run_at.take_if(|at| *at <= now)?;
        if self.admit(now) {
            self.refused_at = None;
            return Some(Due::Run(self.config.rule.clone()));
        }
        if self.refused_at.is_some_and(|at| now < at + MINUTE) {
            return None;
        }
        self.refused_at = Some(now);
        Some(Due::TooOften(self.config.rule.clone()))
    }
}

/// All rules of the configuration.
#[derive(Default)]
pub struct Rules {
    rules: Vec<Rule>,
    is_linked: Option<bool>,
}

impl Rules {
    pub fn new(configs: &[RuleConfig]) -> Self {
        Self { rules: configs.iter().cloned().map(Rule::new).collect(), is_linked: None }
    }

    /// Applies the rules of a reloaded configuration. A rule that has not changed keeps its state.
    pub fn reload(&mut self, configs: &[RuleConfig], now: Instant) {
        let mut before = std::mem::take(&mut self.rules);
        for config in configs {
            let found = before.iter().position(|rule| rule.config == *config);
            let mut rule = found.map_or_else(|| Rule::new(config.clone()), |index| before.swap_remove(index));
            if let (None, Some(is_up)) = (found, self.is_linked)
                && rule.state.link(&rule.config.rule.when, is_up, now)
            {
                rule.trigger(now);
            }
            self.rules.push(rule);
        }
    }

    pub fn infos(&self) -> Vec<RuleInfo> {
        self.rules.iter().map(|rule| rule.config.rule.clone()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Handles the present level of a line.
    pub fn level(&mut self, line: &Name, seen: Observed, now: Instant) {
        for rule in self.rules.iter_mut().filter(|rule| rule.config.rule.when.line() == Some(line)) {
            if rule.state.level(&rule.config.rule.when, seen, now) {
                rule.trigger(now);
            }
        }
    }

    pub fn press(&mut self, line: &Name, is_long: bool, now: Instant) {
        let wanted = |rule: &&mut Rule| matches!(&rule.config.rule.when, Trigger::Press { line: own, long } if own == line && *long == is_long);
        self.rules.iter_mut().filter(wanted).for_each(|rule| rule.trigger(now));
    }

    /// Handles a new state of the connection to the edge.
    pub fn link(&mut self, is_up: bool, now: Instant) {
        self.is_linked = Some(is_up);
        for rule in &mut self.rules {
            if rule.state.link(&rule.config.rule.when, is_up, now) {
                rule.trigger(now);
            }
        }
    }

    /// Returns the actions that are due now, in the order of the configuration.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        for rule in &mut self.rules {
            if rule.state.tick(now) {
                rule.trigger(now);
            }
        }
        self.rules.iter_mut().filter_map(|rule| rule.due(now)).collect()
    }

    /// Returns the time at which [`Rules::due`] must run next.
    pub fn next_due(&self) -> Option<Instant> {
        self.rules.iter().flat_map(|rule| [rule.state.next_due(), rule.run_at]).flatten().min()
    }
}

#[cfg(test)]
mod tests;
