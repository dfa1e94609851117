//! All lines side by side: whom a command reaches, what stands between lines, and what is told of them.

use std::collections::VecDeque;
use std::time::Duration;

use pinlatch_protocol::line::{Action, Level, LineInfo};
use pinlatch_protocol::name::Name;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::contact::Contact;
use super::driver::{DriverError, Input, Open, Signal, Watch};
use super::interlock;
use super::output::Output;
use super::refused::Refused;
use super::sensor::Sensor;
use crate::config::{Config, DriverConfig, Interlock, LineConfig, Simulator};

/// The most events that wait for the uplink; the next hello carries every level anyway.
pub const MAX_EVENTS: usize = 256;
/// The shortest time between two events of a blinking or fading line.
const MOVING_EVENT_GAP: Duration = Duration::from_millis(200);
/// After how long a line that could not be opened is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(10);
/// The same, after the configuration was read again.
const REOPEN_NEW: Duration = Duration::from_secs(1);
/// How long the system may take at the start to make what is opened ours.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something to report.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which line.
    pub line: Name,
    /// What happened.
    pub news: News,
    /// When.
    pub at: Instant,
}

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum News {
    /// It has another level; `None` where nobody knows.
    Level(Option<Level>),
    /// It was pressed.
    Press {
        /// Whether it was held for long.
        long: bool,
    },
}

enum Behaviour {
    Output(Box<Output>),
    Contact(Contact, Watch),
    Sensor(Sensor),
}

pub(super) struct Line {
    /// What its signals name it by.
    number: usize,
    config: LineConfig,
    behaviour: Behaviour,
    reported: Option<Level>,
    reported_at: Option<Instant>,
    /// Why it could not be opened, and when it is tried again.
    closed: Option<(DriverError, Instant)>,
}

impl Line {
    fn open(
        config: LineConfig,
        number: usize,
        opener: &dyn Open,
        now: Instant,
        patience: std::time::Instant,
    ) -> Self {
        let mut closed = None;
        let mut complain = |error: &DriverError| {
            tracing::error!(line = %config.name, code = "line_unusable", %error, "the line cannot be used");
            closed = Some((error.clone(), now + REOPEN_EVERY));
        };
        let behaviour = match (config.safe, &config.sensing) {
            (Some(safe), _) => {
                let driver = opener.output(&config, config.initial.unwrap_or(safe), patience);
                driver.as_ref().err().map(&mut complain);
                Behaviour::Output(Box::new(Output::new(&config, safe, driver, now)))
            }
            (None, Some(sensing)) => {
                let polled = matches!(config.driver, DriverConfig::Sensor(_));
                // What is polled is opened by each reading.
                if !polled && let Err(error) = opener.sensor() {
                    complain(&error);
                }
                Behaviour::Sensor(Sensor::new(sensing, polled, now))
            }
            (None, None) => {
                let opened = opener.contact(&config, number);
                opened.as_ref().err().map(&mut complain);
                let (level, watch) = opened.map_or((None, Watch::default()), |(on, watch)| (Some(on), watch));
                Behaviour::Contact(Contact::new(config.debounce, config.long_press, level), watch)
            }
        };
        let mut line = Self { number, config, behaviour, reported: None, reported_at: None, closed };
        line.reported = line.level();
        line
    }

    /// Tries once more to open a line that could not be opened, and says what has changed.
    fn reopen(&mut self, opener: &dyn Open, now: Instant) {
        let Some((before, _)) = self.closed.take() else { return };
        let at_once = std::time::Instant::now();
        let opened = match &mut self.behaviour {
            Behaviour::Output(output) => match self.config.safe {
                Some(safe) => {
                    opener.output(&self.config, safe, at_once).and_then(|driver| output.reopened(driver, now))
                }
                None => Ok(()),
            },
            Behaviour::Contact(contact, watch) => {
                opener.contact(&self.config, self.number).map(|(level, watching)| {
                    *watch = watching;
                    contact.reopened(Some(level));
                })
            }
            Behaviour::Sensor(_) => opener.sensor(),
        };
        match opened {
            Ok(()) => tracing::info!(line = %self.config.name, "the line can be used now"),
            Err(error) => {
                if error != before {
                    let line = &self.config.name;
                    tracing::error!(%line, code = "line_unusable", %error, "the line still cannot be used");
                }
                self.closed = Some((error, now + REOPEN_EVERY));
            }
        }
    }

    pub(super) fn level(&self) -> Option<Level> {
        match &self.behaviour {
            Behaviour::Output(output) => output.level(),
            Behaviour::Contact(contact, _) => contact.level(),
            Behaviour::Sensor(sensor) => sensor.level(),
        }
    }

    /// Why the level is unknown.
    pub(super) fn fault(&self) -> Option<&DriverError> {
        let fault = match &self.behaviour {
            Behaviour::Output(output) => output.fault(),
            Behaviour::Contact(..) => None,
            Behaviour::Sensor(sensor) => sensor.fault(),
        };
        fault.or(self.closed.as_ref().map(|(error, _)| error))
    }

    pub(super) fn config(&self) -> &LineConfig {
        &self.config
    }

    fn next_due(&self) -> Option<Instant> {
        let own = match &self.behaviour {
            Behaviour::Output(output) => output.next_due(),
            Behaviour::Contact(contact, _) => contact.next_due(),
            Behaviour::Sensor(sensor) => sensor.next_due(),
        };
        let reopen = self.closed.as_ref().map(|(_, at)| *at);
        [own, reopen].into_iter().flatten().min()
    }

    /// Does what is due. Whether the contact was pressed, and if so whether for long.
    fn tick(&mut self, opener: &dyn Open, now: Instant) -> Option<bool> {
        if self.closed.as_ref().is_some_and(|(_, at)| *at <= now) {
            self.reopen(opener, now);
        }
        match &mut self.behaviour {
            Behaviour::Output(output) => {
                let known = output.fault().cloned();
                if let Err(error) = output.tick(now)
                    && known.as_ref() != Some(&error)
                {
                    let line = &self.config.name;
                    tracing::error!(%line, code = "line_failed", %error, "the line failed, trying again");
                }
                if !output.is_open() && self.closed.is_none() {
                    let error =
                        output.fault().cloned().unwrap_or_else(|| DriverError("it has failed".into()));
                    self.closed = Some((error, now + REOPEN_EVERY));
                }
                None
            }
            Behaviour::Contact(contact, _) => contact.tick(now),
            Behaviour::Sensor(sensor) => {
                if sensor.begin(now) {
                    opener.read(&self.config, self.number);
                }
                None
            }
        }
    }

    fn hear(&mut self, input: Input, now: Instant) {
        match (&mut self.behaviour, input) {
            (Behaviour::Contact(contact, _), Input::Edge(level)) => contact.edge(level, now),
            (Behaviour::Contact(contact, _), Input::Lost(error)) => {
                tracing::error!(line = %self.config.name, code = "line_failed", %error, "the contact failed");
                contact.reopened(None);
                self.closed = Some((error, now + REOPEN_EVERY));
            }
            (Behaviour::Sensor(sensor), Input::Reading(reading)) => {
                let line = &self.config.name;
                match (sensor.take(reading), sensor.fault()) {
                    (Some(false), Some(error)) => {
                        tracing::error!(%line, code = "sensor_failed", %error, "the sensor cannot be read");
                    }
                    (Some(true), _) => tracing::info!(%line, "the sensor can be read again"),
                    _ => {}
                }
            }
            // No other line sends any.
            _ => {}
        }
    }

    /// The change to report, if there is one. A line that moves by itself is sampled: its last level is always told.
    fn event(&mut self, now: Instant) -> Option<Event> {
        let level = self.level();
        if self.reported == level {
            return None;
        }
        let moving = matches!(&self.behaviour, Behaviour::Output(output) if output.is_moving());
        if moving && self.reported_at.is_some_and(|at| now < at + MOVING_EVENT_GAP) {
            return None;
        }
        self.reported = level;
        self.reported_at = Some(now);
        Some(Event { line: self.config.name.clone(), news: News::Level(level), at: now })
    }

    /// Whether this line is the one of a configuration, with nothing about it changed.
    fn is(&self, config: &LineConfig, same_simulator: bool) -> bool {
        self.config == *config && (same_simulator || config.driver != DriverConfig::Sim)
    }

    /// Goes to its safe level, lets go of its hardware and refuses commands. The line is free for others once what is
    /// returned has ended.
    fn release(&mut self, now: Instant) -> Option<JoinHandle<()>> {
        let name = &self.config.name;
        match &mut self.behaviour {
            Behaviour::Output(output) => {
                if output.is_open()
                    && let Err(error) = output.make_safe(now)
                {
                    tracing::error!(line = %name, %error, "the safe level could not be applied");
                }
                output.release();
                None
            }
            Behaviour::Contact(_, watch) => watch.end(),
            Behaviour::Sensor(_) => None,
        }
    }

    fn info(&self) -> LineInfo {
        let LineConfig { name, kind, retain, max_on, sensing, .. } = &self.config;
        LineInfo {
            name: name.clone(),
            kind: *kind,
            level: self.level(),
            retain: *retain,
            max_on_ms: max_on.and_then(|limit| u32::try_from(limit.as_millis()).ok()),
            unit: sensing.as_ref().and_then(|sensing| sensing.unit.clone()),
            precision: sensing.as_ref().map(|sensing| sensing.precision),
        }
    }
}

pub(super) struct Board {
    lines: Vec<Line>,
    interlocks: Vec<Interlock>,
    simulator: Option<Simulator>,
    opener: Box<dyn Open>,
    events: VecDeque<Event>,
    next_number: usize,
    /// Whether there is a link.
    linked: bool,
}

impl Board {
    /// Opens every line and applies the levels of the start.
    pub fn open(config: &Config, opener: Box<dyn Open>, now: Instant) -> Self {
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
        }
    }

    /// The first half of following another configuration: the lines that go or change become safe and let go of their
    /// hardware, which is free once all that is returned has ended. The others are not touched.
    pub fn retire(&mut self, config: &Config, now: Instant) -> Vec<JoinHandle<()>> {
        let same = self.simulator == config.simulator;
        let leaving = |line: &&mut Line| !config.lines.iter().any(|wanted| line.is(wanted, same));
        self.lines.iter_mut().filter(leaving).filter_map(|line| line.release(now)).collect()
    }

    /// The second half: the lines that came or changed are opened. Whether there is anything else now.
    pub fn install(&mut self, config: &Config, now: Instant) -> bool {
        let same = self.simulator == config.simulator;
        let mut before = std::mem::take(&mut self.lines);
        let order: Vec<usize> = before.iter().map(|line| line.number).collect();
        let mut kept: Vec<Option<Line>> = Vec::new();
        for wanted in &config.lines {
            let found = before.iter().position(|line| line.is(wanted, same));
            kept.push(found.map(|index| before.swap_remove(index)));
        }
        drop(before);
        let numbers: Vec<usize> = kept
            .iter()
            .map(|line| match line {
                Some(line) => line.number,
                None => {
                    self.next_number += 1;
                    self.next_number - 1
                }
            })
            .collect();
        self.opener.reconfigured(config, &numbers);
        // What the system needs time for is tried again soon: the lines that run on must not wait.
        let at_once = std::time::Instant::now();
        for ((line, wanted), number) in kept.into_iter().zip(&config.lines).zip(&numbers) {
            let line = line.unwrap_or_else(|| {
                let mut line = Line::open(wanted.clone(), *number, &*self.opener, now, at_once);
                if let (Behaviour::Output(output), false) = (&mut line.behaviour, self.linked) {
                    output.link_lost(now);
                }
                if let Some((_, at)) = &mut line.closed {
                    *at = now + REOPEN_NEW;
                }
                line
            });
            self.lines.push(line);
        }
        self.interlocks.clone_from(&config.interlocks);
        self.simulator.clone_from(&config.simulator);
        // Whoever is told of the lines is told of all their levels.
        self.collect_events(now);
        let lines = &self.lines;
        self.events.retain(|event| {
            matches!(event.news, News::Press { .. })
                && lines.iter().any(|line| line.config.name == event.line)
        });
        order != numbers
    }

    pub fn run(
        &mut self,
        name: &Name,
        action: &str,
        args: &Map<String, Value>,
        now: Instant,
    ) -> Result<Option<Level>, Refused> {
        let index =
            self.lines.iter().position(|line| line.config.name == *name).ok_or(Refused::UnknownLine)?;
        let line = self.lines.get(index).ok_or(Refused::UnknownLine)?;
        let action = Action::parse(line.config.kind, action, args)?;
        if matches!(&line.behaviour, Behaviour::Output(output) if output.would_be_on(action)) {
            interlock::permit(&self.interlocks, index, now, |other| {
                let line = self.lines.get(other)?;
                let Behaviour::Output(output) = &line.behaviour else { return None };
                Some((&line.config.name, output.power()))
            })?;
        }
        match self.lines.get_mut(index).map(|line| &mut line.behaviour) {
            Some(Behaviour::Output(output)) => output.run(action, now),
            // Inputs take no action, so the parser has refused already.
            _ => Err(Refused::UnknownLine),
        }
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub fn infos(&self) -> Vec<LineInfo> {
        self.lines.iter().map(Line::info).collect()
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.lines.iter().filter_map(Line::next_due).min()
    }

    pub fn tick(&mut self, now: Instant) {
        let mut presses = Vec::new();
        for line in &mut self.lines {
            if let Some(long) = line.tick(&*self.opener, now) {
                presses.push(Event { line: line.config.name.clone(), news: News::Press { long }, at: now });
            }
        }
        // The level that ends a press is told before it.
        self.collect_events(now);
        presses.into_iter().for_each(|press| self.push(press));
    }

    pub fn hear(&mut self, signal: Signal, now: Instant) {
        // A line that is no longer there may have had something to say.
        if let Some(line) = self.lines.iter_mut().find(|line| line.number == signal.line) {
            line.hear(signal.input, now);
        }
    }

    pub fn link_up(&mut self) {
        self.linked = true;
        self.each_output(Output::link_up);
        self.events.clear();
    }

    pub fn link_lost(&mut self, now: Instant) {
        self.linked = false;
        self.each_output(|output| output.link_lost(now));
    }

    pub fn make_safe(&mut self, now: Instant) -> Vec<(Name, DriverError)> {
        let mut wrong = Vec::new();
        for line in &mut self.lines {
            if let Behaviour::Output(output) = &mut line.behaviour
                && let Err(error) = output.make_safe(now)
            {
                wrong.push((line.config.name.clone(), error));
            }
        }
        wrong
    }

    fn each_output(&mut self, act: impl Fn(&mut Output)) {
        for line in &mut self.lines {
            if let Behaviour::Output(output) = &mut line.behaviour {
                act(output);
            }
        }
    }

    /// Whether there is something to tell.
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
    /// However the program ends, short of a kill, the outputs end safe. A released line stays driven.
    fn drop(&mut self) {
        self.make_safe(Instant::now());
    }
}
