//! Manages all lines of the device. The board assigns commands to lines, checks interlocks and queues events.

use std::collections::VecDeque;
use std::time::Duration;

use pinlatch_protocol::line::{Action, Level, LineInfo};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::RuleInfo;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::driver::{DriverError, Open, Signal};
use super::interlock;
use super::line::{Event, Line, LineEvent};
use super::output::{Course, Output};
use super::refused::Refused;
use crate::config::{Config, Interlock, Simulator};
use crate::rules::{Applied, Due, RuleRuns, Rules};

/// The maximum number of events that wait for transmission to the edge. If more events occur, the oldest events are
/// dropped. The edge still gets the level of every line with the next hello message.
pub const MAX_EVENTS: usize = 256;
/// The maximum time that the agent waits at its start until the system grants access to the hardware.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Board {
    lines: Vec<Line>,
    interlocks: Vec<Interlock>,
    simulator: Option<Simulator>,
    opener: Box<dyn Open>,
    events: VecDeque<Event>,
    next_number: usize,
    linked: bool,
    rules: Rules,
    runs: RuleRuns,
}

impl Board {
    /// Opens every line of a configuration and sets each output to its start level.
    pub fn open(config: &Config, opener: Box<dyn Open>, runs: RuleRuns, now: Instant) -> Self {
        let patience = std::time::Instant::now() + PATIENCE;
        let lines = config.lines.iter().enumerate();
        let lines =
            lines.map(|(number, line)| Line::open(line.clone(), number, &*opener, now, patience)).collect();
        Self {
            lines,
            interlocks: config.interlocks.clone(),
            simulator: config.simulator.clone(),
            opener,
            events: VecDeque::new(),
            next_number: config.lines.len(),
            linked: false,
            rules: Rules::new(&config.rules),
            runs,
        }
    }

    /// Performs the first half of a reload. Each removed or changed output goes to its safe level. Each removed or
    /// changed line releases its hardware. The hardware is free after all returned task handles have finished. A reload
    /// does not affect unchanged lines.
    pub fn retire(&mut self, config: &Config, now: Instant) -> Vec<JoinHandle<()>> {
        let same = self.simulator == config.simulator;
        let leaving = |line: &&mut Line| !config.lines.iter().any(|wanted| line.is(wanted, same));
        self.lines.iter_mut().filter(leaving).filter_map(|line| line.release(now)).collect()
    }

    /// Performs the second half of a reload, in which new and changed lines are opened. Returns true if the reload has
    /// changed the set or the order of the lines, or the rules.
    pub fn install(&mut self, config: &Config, now: Instant) -> bool {
        let same = self.simulator == config.simulator;
        let mut before = std::mem::take(&mut self.lines);
        let order: Vec<usize> = before.iter().map(Line::number).collect();
        let mut kept: Vec<Option<Line>> = Vec::new();
        for wanted in &config.lines {
            let found = before.iter().position(|line| line.is(wanted, same));
            kept.push(found.map(|index| before.swap_remove(index).keep(wanted)));
        }
        drop(before);
        let numbers: Vec<usize> = kept
            .iter()
            .map(|line| match line {
                Some(line) => line.number(),
                None => {
                    self.next_number += 1;
                    self.next_number - 1
                }
            })
            .collect();
        self.opener.reconfigured(config, &numbers);
        // A reload does not wait for hardware that is not ready, because waiting would stop the timers of unchanged
        // lines. The agent soon tries again to open a line that is not ready.
        let at_once = std::time::Instant::now();
        for ((line, wanted), number) in kept.into_iter().zip(&config.lines).zip(&numbers) {
            let line = line.unwrap_or_else(|| {
                let mut line = Line::open(wanted.clone(), *number, &*self.opener, now, at_once);
                if let (Some(output), false) = (line.output_mut(), self.linked) {
                    output.link_lost(now);
                }
                line.try_soon(now);
                line
            });
            self.lines.push(line);
        }
        self.interlocks.clone_from(&config.interlocks);
        self.simulator.clone_from(&config.simulator);
        let rules = self.rules.infos();
        self.rules.reload(&config.rules, now);
        self.runs.use_journal(config.rules_journal.as_deref());
        self.lines.iter_mut().for_each(Line::observe_again);
        // If the set or the order of the lines has changed, the edge gets a hello message with the level of every line,
        // so older level events must not follow this message.
        let is_changed = order != numbers;
        self.collect_events(now);
        let lines = &self.lines;
        self.events.retain(|event| {
            let is_sent = !is_changed || !matches!(event.news, LineEvent::Level(_));
            is_sent && lines.iter().any(|line| line.config().name == event.line)
        });
        is_changed || rules != self.rules.infos()
    }

    /// Runs the action of a command.
    pub fn run(
        &mut self,
        name: &Name,
        action: &str,
        args: &Map<String, Value>,
        now: Instant,
    ) -> Result<Option<Level>, Refused> {
        self.act(name, action, args, false, now)
    }

    fn act(
        &mut self,
        name: &Name,
        action: &str,
        args: &Map<String, Value>,
        by_rule: bool,
        now: Instant,
    ) -> Result<Option<Level>, Refused> {
        let index =
            self.lines.iter().position(|line| line.config().name == *name).ok_or(Refused::UnknownLine)?;
        let line = self.lines.get(index).ok_or(Refused::UnknownLine)?;
        let action = Action::parse(line.config().kind, action, args)?;
        if line.output().is_some_and(|output| output.would_be_on(action)) {
            interlock::permit(&self.interlocks, index, now, |other| {
                let line = self.lines.get(other)?;
                Some((&line.config().name, line.output()?.power()))
            })?;
        }
        // Inputs have no actions, so `Action::parse` has already refused every command for an input.
        let line = self.lines.get_mut(index).ok_or(Refused::UnknownLine)?;
        let level = line.output_mut().ok_or(Refused::UnknownLine)?.run(action, now)?;
        let desired = match action {
            Action::Set { level, .. } => Some(level),
            Action::Toggle => level,
            Action::Pulse { .. } | Action::Blink { .. } => None,
        };
        line.acted(by_rule, desired);
        Ok(level)
    }

    /// Runs the rules that were triggered by changes since the last call, and the rules whose time has come.
    pub fn follow_rules(&mut self, now: Instant) {
        if self.rules.is_empty() {
            return;
        }
        self.observe(now);
        let due = self.rules.due(now);
        if due.is_empty() {
            return;
        }
        for due in due {
            let (rule, result) = match due {
                Due::Run(rule) => {
                    let result = self.act(&rule.line, &rule.action, &rule.args, true, now);
                    (rule, result)
                }
                Due::TooOften(rule) => (rule, Err(Refused::RuleRate)),
            };
            let (name, line, action) = (&rule.name, &rule.line, &rule.action);
            let applied = result.as_ref().map(|level| self.applied(&rule, *level));
            self.runs.push(&rule, applied, now);
            match result {
                Ok(_) => {
                    tracing::info!(rule = %name, %line, action, outcome = "executed", "a rule was executed")
                }
                Err(refused) => {
                    tracing::warn!(rule = %name, %line, action, outcome = "refused", code = refused.code(), %refused, "a rule was refused");
                }
            }
        }
        // The levels that rules set trigger no rule. They are observed now, because a command can change them again
        // before the next call.
        self.observe(now);
    }

    /// Returns the state of a line after the action of a rule.
    fn applied(&self, rule: &RuleInfo, level: Option<Level>) -> Applied {
        // A rule that sets no level does not change the desired level.
        let sets = matches!(rule.action.as_str(), "set" | "toggle");
        let desired = self.find(&rule.line).and_then(Line::desired).filter(|_| sets);
        Applied { level, course: self.course(&rule.line), desired }
    }

    /// Reports all changed levels to the rules.
    fn observe(&mut self, now: Instant) {
        for line in &mut self.lines {
            if let Some(seen) = line.observe(now) {
                self.rules.level(&line.config().name, seen, now);
            }
        }
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub fn rules(&self) -> Vec<RuleInfo> {
        self.rules.infos()
    }

    pub fn runs(&self) -> &RuleRuns {
        &self.runs
    }

    pub fn runs_mut(&mut self) -> &mut RuleRuns {
        &mut self.runs
    }

    pub fn infos(&self, now: Instant) -> Vec<LineInfo> {
        self.lines.iter().map(|line| line.info(now)).collect()
    }

    pub fn course(&self, name: &Name) -> Course {
        self.find(name).map(Line::course).unwrap_or_default()
    }

    pub fn find(&self, name: &Name) -> Option<&Line> {
        self.lines.iter().find(|line| line.config().name == *name)
    }

    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        self.lines.iter().filter_map(|line| line.next_due(now)).chain(self.rules.next_due()).min()
    }

    pub fn tick(&mut self, now: Instant) {
        let mut presses = Vec::new();
        for line in &mut self.lines {
            let Some(long) = line.tick(&*self.opener, now) else { continue };
            let name = line.config().name.clone();
            // The limit of the events does not apply to the rules, which have a limit of their own.
            self.rules.press(&name, long, now);
            if line.admit_press(now) {
                let (news, course) = (LineEvent::Press { long }, Course::default());
                presses.push(Event { line: name, news, course, at: now });
            }
        }
        // The event for the changed level must be queued before the event for the press.
        self.collect_events(now);
        let left_out = self.lines.iter_mut().filter_map(|line| line.left_out(now));
        presses.extend(left_out);
        presses.into_iter().for_each(|event| self.push(event));
    }

    pub fn handle_signal(&mut self, signal: Signal, now: Instant) {
        // A reload has possibly removed the line of a queued signal.
        if let Some(line) = self.lines.iter_mut().find(|line| line.number() == signal.line) {
            line.handle_input(signal.input, now);
        }
    }

    pub fn link_up(&mut self, now: Instant) {
        self.linked = true;
        self.rules.link(true, now);
        self.lines.iter_mut().filter_map(Line::output_mut).for_each(Output::link_up);
        self.events.clear();
        self.runs.reconnected();
    }

    pub fn link_lost(&mut self, now: Instant) {
        self.linked = false;
        self.rules.link(false, now);
        self.lines.iter_mut().for_each(|line| line.link_lost(now));
    }

    /// Sets every output to its safe level. Afterwards, no rule changes an output again.
    pub fn make_safe(&mut self, now: Instant) -> Vec<(Name, DriverError)> {
        self.rules = Rules::default();
        let mut wrong = Vec::new();
        for line in &mut self.lines {
            if let Some(Err(error)) = line.output_mut().map(|output| output.make_safe(now)) {
                wrong.push((line.config().name.clone(), error));
            }
        }
        wrong
    }

    /// Adds the level changes of all lines to the event queue. Returns whether the queue contains any event.
    pub fn collect_events(&mut self, now: Instant) -> bool {
        for index in 0..self.lines.len() {
            if let Some(event) = self.lines.get_mut(index).and_then(|line| line.event(now)) {
                self.push(event);
            }
        }
        !self.events.is_empty()
    }

    fn push(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub fn pending_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

impl Drop for Board {
    /// Sets every output to its safe level when the agent ends for any reason except SIGKILL. Otherwise the kernel
    /// would continue to drive an output that the agent has released.
    fn drop(&mut self) {
        self.make_safe(Instant::now());
    }
}
