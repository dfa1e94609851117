//! All lines side by side: whom a command reaches, what stands between lines, and what is told of them.

use std::collections::VecDeque;
use std::time::Duration;

use pinlatch_protocol::line::{Action, Level, LineInfo};
use pinlatch_protocol::name::Name;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::contact::Contact;
use super::driver::{DriverError, Input, Open, Signal};
use super::interlock;
use super::output::Output;
use super::refused::Refused;
use super::sensor::Sensor;
use crate::config::{Config, DriverConfig, Interlock, LineConfig};

/// The most events that wait for the uplink; the next hello carries every level anyway.
pub const MAX_EVENTS: usize = 256;
/// The shortest time between two events of a blinking or fading line.
const MOVING_EVENT_GAP: Duration = Duration::from_millis(200);
/// After how long a line that could not be opened is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(10);
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
    Contact(Contact),
    Sensor(Sensor),
}

pub(super) struct Line {
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
        index: usize,
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
                let level = opener.contact(&config, index);
                level.as_ref().err().map(&mut complain);
                Behaviour::Contact(Contact::new(config.debounce, config.long_press, level.ok()))
            }
        };
        let mut line = Self { config, behaviour, reported: None, reported_at: None, closed };
        line.reported = line.level();
        line
    }

    /// Tries once more to open a line that could not be opened, and says what has changed.
    fn reopen(&mut self, index: usize, opener: &dyn Open, now: Instant) {
        let Some((before, _)) = self.closed.take() else { return };
        let at_once = std::time::Instant::now();
        let opened = match &mut self.behaviour {
            Behaviour::Output(output) => match self.config.safe {
                Some(safe) => {
                    opener.output(&self.config, safe, at_once).and_then(|driver| output.reopened(driver, now))
                }
                None => Ok(()),
            },
            Behaviour::Contact(contact) => {
                opener.contact(&self.config, index).map(|level| contact.reopened(Some(level)))
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
            Behaviour::Contact(contact) => contact.level(),
            Behaviour::Sensor(sensor) => sensor.level(),
        }
    }

    /// Why the level is unknown.
    pub(super) fn fault(&self) -> Option<&DriverError> {
        let fault = match &self.behaviour {
            Behaviour::Output(output) => output.fault(),
            Behaviour::Contact(_) => None,
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
            Behaviour::Contact(contact) => contact.next_due(),
            Behaviour::Sensor(sensor) => sensor.next_due(),
        };
        let reopen = self.closed.as_ref().map(|(_, at)| *at);
        [own, reopen].into_iter().flatten().min()
    }

    /// Does what is due. Whether the contact was pressed, and if so whether for long.
    fn tick(&mut self, index: usize, opener: &dyn Open, now: Instant) -> Option<bool> {
        if self.closed.as_ref().is_some_and(|(_, at)| *at <= now) {
            self.reopen(index, opener, now);
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
            Behaviour::Contact(contact) => contact.tick(now),
            Behaviour::Sensor(sensor) => {
                if sensor.begin(now) {
                    opener.read(&self.config, index);
                }
                None
            }
        }
    }

    fn hear(&mut self, input: Input, now: Instant) {
        match (&mut self.behaviour, input) {
            (Behaviour::Contact(contact), Input::Edge(level)) => contact.edge(level, now),
            (Behaviour::Contact(contact), Input::Lost(error)) => {
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
    opener: Box<dyn Open>,
    events: VecDeque<Event>,
}

impl Board {
    /// Opens every line and applies the levels of the start.
    pub fn open(config: &Config, opener: Box<dyn Open>, now: Instant) -> Self {
        let patience = std::time::Instant::now() + PATIENCE;
        let lines = config.lines.iter().enumerate();
        let lines =
            lines.map(|(index, line)| Line::open(line.clone(), index, &*opener, now, patience)).collect();
        Self { lines, interlocks: config.interlocks.clone(), opener, events: VecDeque::new() }
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
        for (index, line) in self.lines.iter_mut().enumerate() {
            if let Some(long) = line.tick(index, &*self.opener, now) {
                presses.push(Event { line: line.config.name.clone(), news: News::Press { long }, at: now });
            }
        }
        // The level that ends a press is told before it.
        self.collect_events(now);
        presses.into_iter().for_each(|press| self.push(press));
    }

    pub fn hear(&mut self, signal: Signal, now: Instant) {
        if let Some(line) = self.lines.get_mut(signal.line) {
            line.hear(signal.input, now);
        }
    }

    pub fn link_up(&mut self) {
        self.each_output(Output::link_up);
        self.events.clear();
    }

    pub fn link_lost(&mut self, now: Instant) {
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
