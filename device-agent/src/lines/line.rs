//! Manages one line of the device, which is an output, a contact or a sensor. If the hardware is missing at the start,
//! the agent opens the line later. Each change of the line's level is reported as an event.

use std::time::Duration;

use pinlatch_protocol::line::{Level, LineInfo};
use pinlatch_protocol::name::Name;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::budget::Budget;
use super::contact::Contact;
use super::driver::{DriverError, Input, Open, Watch};
use super::output::{Course, Output};
use super::sensor::Sensor;
use crate::config::{DriverConfig, LineConfig};
use crate::rules::Observed;
use crate::statements::Measurement;

/// The minimum time between two events of a blinking or fading output.
const MOVING_EVENT_GAP: Duration = Duration::from_millis(200);
/// The pause before the agent tries again to open a line.
const REOPEN_EVERY: Duration = Duration::from_secs(10);
/// The pause before the agent tries again to open a line that could not be opened during a reload.
const REOPEN_NEW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub line: Name,
    pub news: LineEvent,
    /// The scheduled end of the reported level. A press has no scheduled end.
    pub course: Course,
    pub at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LineEvent {
    /// The level of the line or its scheduled end has changed. The value is `None` if the level became unknown.
    Level(Option<Level>),
    /// A contact was pressed.
    Press { long: bool },
    /// An input changed too often, so this number of events was left out.
    LeftOut(u32),
}

enum Behaviour {
    Output(Box<Output>),
    Contact(Contact, Watch),
    Sensor(Sensor),
}

/// A line of any kind, together with the state that was last reported to the edge.
pub(super) struct Line {
    /// The number that identifies the line in input signals.
    number: usize,
    config: LineConfig,
    behaviour: Behaviour,
    reported: (Option<Level>, Course),
    reported_at: Option<Instant>,
    /// The limit of an input's events.
    budget: Budget,
    /// The newest state of an input that waits until the limit allows an event.
    withheld: Option<(Option<Level>, Course)>,
    /// Whether a rule has run the last action of an output.
    by_rule: bool,
    /// The level that a rule has set on a line with `retain`, if no command has set the line since then.
    desired: Option<Level>,
    /// The state of this line that was last reported to the rules.
    observed: Option<Observed>,
    /// The reason why the line could not be opened, and the time of the next attempt to open the line.
    closed: Option<(DriverError, Instant)>,
}

impl Line {
    /// Opens a line. The function also returns a line if the hardware cannot be opened. The driver can wait until the
    /// time `patience` for the system to grant access to the hardware.
    pub(super) fn open(
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
                // A polled sensor is not opened at the start, because each reading opens the sensor.
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
        let mut line = Self {
            number,
            config,
            behaviour,
            reported: Default::default(),
            reported_at: None,
            budget: Budget::default(),
            withheld: None,
            by_rule: false,
            desired: None,
            observed: None,
            closed,
        };
        line.reported = (line.level(), line.course());
        line
    }

    /// Tries again to open the line. The function logs the result only if the result differs from the previous result.
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

    /// Returns the level of the line with the time of its measurement. The last measurement of a sensor can be different
    /// from the reported level, because only larger changes are reported.
    pub(super) fn measurement(&self, now: Instant) -> Option<Measurement> {
        let (level, at) = self.measured(now)?;
        let unit = self.config.sensing.as_ref().and_then(|sensing| sensing.unit.clone());
        Some(Measurement { level, at, unit })
    }

    fn measured(&self, now: Instant) -> Option<(Level, Instant)> {
        match &self.behaviour {
            Behaviour::Sensor(sensor) => sensor.measured(),
            _ => Some((self.level()?, now)),
        }
    }

    /// Records whether a rule has run the last action, and the level that the action has set, if any. A level that a rule
    /// set does not follow `on_link_loss`.
    pub(super) fn acted(&mut self, by_rule: bool, desired: Option<Level>) {
        self.by_rule = by_rule;
        if desired.is_some() {
            self.desired = desired.filter(|_| by_rule && self.config.retain);
        }
        if let (true, Some(output)) = (by_rule, self.output_mut()) {
            output.stay();
        }
    }

    /// Returns the level that a rule has set on a line with `retain`, if no command has set the line since then.
    pub(super) fn desired(&self) -> Option<Level> {
        self.desired
    }

    /// Handles the loss of the connection to the edge.
    pub(super) fn link_lost(&mut self, now: Instant) {
        if let (false, Some(output)) = (self.by_rule, self.output_mut()) {
            output.link_lost(now);
        }
    }

    /// Returns the level of the line if it has changed since the last call. The first call always returns the level.
    pub(super) fn observe(&mut self, now: Instant) -> Option<Observed> {
        let level = self.measured(now).map(|(level, _)| level);
        let seen = Observed { level, by_rule: self.by_rule };
        (self.observed.replace(seen) != Some(seen)).then_some(seen)
    }

    /// Makes the next call of [`Line::observe`] return the level, because the rules have changed.
    pub(super) fn observe_again(&mut self) {
        self.observed = None;
    }

    /// Returns the scheduled end of the line's level. An input has no scheduled end.
    pub(super) fn course(&self) -> Course {
        self.output().map(Output::course).unwrap_or_default()
    }

    /// Returns the reason why the level of the line is unknown, if the level is unknown.
    pub(super) fn fault(&self) -> Option<&DriverError> {
        let fault = match &self.behaviour {
            Behaviour::Output(output) => output.fault(),
            Behaviour::Contact(..) => None,
            Behaviour::Sensor(sensor) => sensor.fault(),
        };
        fault.or(self.closed.as_ref().map(|(error, _)| error))
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn output(&self) -> Option<&Output> {
        match &self.behaviour {
            Behaviour::Output(output) => Some(output),
            _ => None,
        }
    }

    pub(super) fn output_mut(&mut self) -> Option<&mut Output> {
        match &mut self.behaviour {
            Behaviour::Output(output) => Some(output),
            _ => None,
        }
    }

    /// Schedules an earlier time for the next attempt to open the line.
    pub(super) fn try_soon(&mut self, now: Instant) {
        if let Some((_, at)) = &mut self.closed {
            *at = now + REOPEN_NEW;
        }
    }

    pub(super) fn config(&self) -> &LineConfig {
        &self.config
    }

    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let own = match &self.behaviour {
            Behaviour::Output(output) => output.next_due(),
            Behaviour::Contact(contact, _) => contact.next_due(),
            Behaviour::Sensor(sensor) => sensor.next_due(),
        };
        let reopen = self.closed.as_ref().map(|(_, at)| *at);
        let withheld = self.withheld.map(|_| self.budget.next(now));
        [own, reopen, withheld, self.budget.report_at()].into_iter().flatten().min()
    }

    /// Runs the timers of the line that are due. Returns `Some(true)` for a long press of a contact and `Some(false)`
    /// for a short press.
    pub(super) fn tick(&mut self, opener: &dyn Open, now: Instant) -> Option<bool> {
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
                    tracing::error!(%line, code = "line_failed", %error, "the driver of the line failed; the agent tries again to apply the safe level");
                }
                if !output.is_open() && self.closed.is_none() {
                    let error =
                        output.fault().cloned().unwrap_or_else(|| DriverError("the driver failed".into()));
                    self.closed = Some((error, now + REOPEN_EVERY));
                }
                None
            }
            Behaviour::Contact(contact, _) => contact.tick(now),
            Behaviour::Sensor(sensor) => {
                if sensor.is_stuck(now)
                    && let Some(error) = sensor.fault()
                {
                    let line = &self.config.name;
                    tracing::error!(%line, code = "sensor_stuck", %error, "the level of the sensor is unknown until the sensor answers");
                }
                if sensor.begin(now) {
                    opener.read(&self.config, self.number);
                }
                None
            }
        }
    }

    pub(super) fn handle_input(&mut self, input: Input, now: Instant) {
        match (&mut self.behaviour, input) {
            (Behaviour::Contact(contact, _), Input::Edge(level)) => contact.edge(level, now),
            (Behaviour::Contact(contact, _), Input::Lost(error)) => {
                tracing::error!(line = %self.config.name, code = "line_failed", %error, "the contact cannot be read; the agent tries again to open the contact");
                contact.reopened(None);
                self.closed = Some((error, now + REOPEN_EVERY));
            }
            (Behaviour::Sensor(sensor), Input::Reading(reading)) => {
                let line = &self.config.name;
                match (sensor.take(reading, now), sensor.fault()) {
                    (Some(false), Some(error)) => {
                        tracing::error!(%line, code = "sensor_failed", %error, "the sensor cannot be read");
                    }
                    (Some(true), _) => tracing::info!(%line, "the sensor can be read again"),
                    _ => {}
                }
            }
            // Other combinations of a line and an input signal do not occur.
            _ => {}
        }
    }

    /// Returns the change of the level or of its scheduled end that must be reported to the edge, if any. While an output
    /// is blinking or fading, only some of its levels are reported. The final level of an output is always reported.
    pub(super) fn event(&mut self, now: Instant) -> Option<Event> {
        let (level, course) = (self.level(), self.course());
        if self.reported == (level, course) {
            // The input has returned to the reported level.
            if self.withheld.take().is_some() {
                // Both the change and the return are left out.
                self.budget.leave_out(now);
                self.budget.leave_out(now);
            }
            return None;
        }
        if self.output().is_none() && self.withheld != Some((level, course)) && self.withheld.is_some() {
            self.budget.leave_out(now);
        }
        if self.output().is_none() && !self.budget.admit(now) {
            self.withheld = Some((level, course));
            return None;
        }
        self.withheld = None;
        let moving = matches!(&self.behaviour, Behaviour::Output(output) if output.is_moving());
        if moving && self.reported_at.is_some_and(|at| now < at + MOVING_EVENT_GAP) {
            return None;
        }
        self.reported = (level, course);
        self.reported_at = Some(now);
        Some(Event { line: self.config.name.clone(), news: LineEvent::Level(level), course, at: now })
    }

    /// Returns whether a press of the contact can be reported now. Otherwise, the press is counted.
    pub(super) fn admit_press(&mut self, now: Instant) -> bool {
        let is_admitted = self.budget.admit(now);
        if !is_admitted {
            self.budget.leave_out(now);
        }
        is_admitted
    }

    /// Returns the report about events that were left out, if it is due.
    pub(super) fn left_out(&mut self, now: Instant) -> Option<Event> {
        let news = LineEvent::LeftOut(self.budget.take_left_out(now)?);
        Some(Event { line: self.config.name.clone(), news, course: Course::default(), at: now })
    }

    /// Returns whether this line has the given configuration, except for the keys that [`Line::keep`] takes over.
    pub(super) fn is(&self, config: &LineConfig, same_simulator: bool) -> bool {
        let own = LineConfig {
            signed: config.signed,
            receipts: config.receipts,
            authority: config.authority,
            ..self.config.clone()
        };
        own == *config && (same_simulator || config.driver != DriverConfig::Sim)
    }

    /// Takes over the keys of a reloaded configuration that do not concern the level of the line.
    pub(super) fn keep(mut self, config: &LineConfig) -> Self {
        (self.config.signed, self.config.receipts) = (config.signed, config.receipts);
        self.config.authority = config.authority;
        self
    }

    /// Sets an output to its safe level and releases the hardware of the line. The line then refuses further commands.
    /// The hardware is free when the returned task handle has finished.
    pub(super) fn release(&mut self, now: Instant) -> Option<JoinHandle<()>> {
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

    pub(super) fn info(&self, now: Instant) -> LineInfo {
        let LineConfig { name, kind, retain, max_on, sensing, long_press, .. } = &self.config;
        let course = self.course();
        LineInfo {
            name: name.clone(),
            kind: *kind,
            level: self.level(),
            retain: *retain,
            max_on_ms: max_on.and_then(|limit| u32::try_from(limit.as_millis()).ok()),
            unit: sensing.as_ref().and_then(|sensing| sensing.unit.clone()),
            precision: sensing.as_ref().map(|sensing| sensing.precision),
            presses: long_press.is_some(),
            ends_in_ms: course.ends_in_ms(now),
            blinking: course.blinking,
            desired: self.desired,
            authority: self.config.authority,
        }
    }
}
