//! The device's lines: what they may do, and the timers that end what they do.
//!
//! [`Lines`] runs a command in the very call that delivers it, with no task or queue in between; its
//! future [`Lines::drive`] does what comes later (ends of pulses, blinking, debouncing), whether or not
//! there is a link. The rules of one line are in [`output`] and [`contact`], free of clocks and I/O.

pub mod contact;
pub mod gpio;
pub mod output;
pub mod sim;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use pinlatch_protocol::line::{Action, ActionError, Level, LineInfo};
use pinlatch_protocol::name::Name;
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::config::{Config, DriverConfig, LineConfig};
use contact::Contact;
use output::Output;

/// The most events that wait for the uplink; the next hello carries every level anyway.
const MAX_EVENTS: usize = 256;
/// The shortest time between two events of a blinking line.
const BLINK_EVENT_GAP: Duration = Duration::from_millis(200);
/// How many edges of contacts may wait.
const EDGE_QUEUE: usize = 64;

/// Why a line cannot be opened or driven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DriverError(pub String);

/// What moves an output. A call is short: an ioctl or a write. What a contact does comes as [`Edge`]s.
pub trait Driver {
    /// Drives the output.
    fn set(&mut self, level: Level) -> Result<(), DriverError>;
}

/// A change of a contact as it happens, not debounced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The line's place in the configuration.
    pub line: usize,
    /// Its new level.
    pub level: bool,
}

/// Why a line did not do what a verified command said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The configuration has no such line.
    #[error("there is no such line")]
    UnknownLine,
    /// The line's kind has no such action, or not with these arguments.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// It would be on for longer than `max_on_ms`.
    #[error("it would be on for longer than max_on_ms")]
    MaxOn,
    /// Too soon after the last action.
    #[error("too soon: min_interval_ms has not passed")]
    MinInterval,
    /// A pulse is running.
    #[error("a pulse is running")]
    Busy,
    /// The hardware would not, or the line could not be opened.
    #[error("the line cannot be driven: {0}")]
    Driver(#[from] DriverError),
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownLine => "refused_unknown_line",
            Self::Action(_) => "refused_action",
            Self::MaxOn => "refused_max_on",
            Self::MinInterval => "refused_min_interval",
            Self::Busy => "refused_busy",
            Self::Driver(_) => "refused_driver",
        }
    }
}

/// A change to report.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which line.
    pub line: Name,
    /// Its new level.
    pub level: Level,
    /// When.
    pub at: Instant,
}

enum Behaviour {
    Output(Output),
    Contact(Contact),
}

struct Line {
    config: LineConfig,
    behaviour: Behaviour,
    reported: Option<Level>,
    reported_at: Option<Instant>,
}

impl Line {
    fn new(config: LineConfig, behaviour: Behaviour) -> Self {
        let mut line = Self { config, behaviour, reported: None, reported_at: None };
        line.reported = line.level();
        line
    }

    fn level(&self) -> Option<Level> {
        match &self.behaviour {
            Behaviour::Output(output) => output.level(),
            Behaviour::Contact(contact) => contact.level(),
        }
    }

    fn next_due(&self) -> Option<Instant> {
        match &self.behaviour {
            Behaviour::Output(output) => output.next_due(),
            Behaviour::Contact(contact) => contact.next_due(),
        }
    }

    fn tick(&mut self, now: Instant) {
        match &mut self.behaviour {
            Behaviour::Output(output) => output.tick(now),
            Behaviour::Contact(contact) => contact.tick(now),
        }
    }

    /// The change to report, if there is one. A blinking line is sampled: its last level is always told.
    fn event(&mut self, now: Instant) -> Option<Event> {
        let level = self.level().filter(|level| self.reported != Some(*level))?;
        let blinking = matches!(&self.behaviour, Behaviour::Output(output) if output.is_blinking());
        if blinking && self.reported_at.is_some_and(|at| now < at + BLINK_EVENT_GAP) {
            return None;
        }
        self.reported = Some(level);
        self.reported_at = Some(now);
        Some(Event { line: self.config.name.clone(), level, at: now })
    }

    fn info(&self) -> LineInfo {
        LineInfo {
            name: self.config.name.clone(),
            kind: self.config.kind,
            level: self.level(),
            retain: self.config.retain,
            max_on_ms: self.config.max_on.and_then(|limit| u32::try_from(limit.as_millis()).ok()),
        }
    }
}

struct Board {
    lines: Vec<Line>,
    events: VecDeque<Event>,
}

impl Board {
    fn run(
        &mut self,
        name: &Name,
        action: &str,
        args: &Map<String, Value>,
        now: Instant,
    ) -> Result<Option<Level>, Refused> {
        let line =
            self.lines.iter_mut().find(|line| line.config.name == *name).ok_or(Refused::UnknownLine)?;
        let action = Action::parse(line.config.kind, action, args)?;
        match &mut line.behaviour {
            // Contacts take no action, so the parser has refused already.
            Behaviour::Contact(_) => Err(Refused::UnknownLine),
            Behaviour::Output(output) => output.run(action, now),
        }
    }

    fn each_output(&mut self, act: impl Fn(&mut Output)) {
        for line in &mut self.lines {
            if let Behaviour::Output(output) = &mut line.behaviour {
                act(output);
            }
        }
    }

    fn collect_events(&mut self, now: Instant) {
        for line in &mut self.lines {
            if let Some(event) = line.event(now) {
                if self.events.len() == MAX_EVENTS {
                    self.events.pop_front();
                }
                self.events.push_back(event);
            }
        }
    }
}

impl Drop for Board {
    /// However the program ends, short of a kill, the outputs end safe. A released line stays driven.
    fn drop(&mut self) {
        self.each_output(|output| drop(output.make_safe()));
    }
}

fn open_output(
    line: &LineConfig,
    safe: Level,
    simulation: &sim::Simulation,
) -> Result<Box<dyn Driver>, DriverError> {
    match &line.driver {
        DriverConfig::Sim => simulation.output(&line.name),
        DriverConfig::Gpio { place, active_low } => gpio::open_output(place, *active_low, safe),
    }
}

/// Opens a contact and returns its level.
fn open_contact(
    line: &LineConfig,
    index: usize,
    simulation: &sim::Simulation,
    edges: &mpsc::Sender<Edge>,
) -> Result<bool, DriverError> {
    match &line.driver {
        DriverConfig::Sim => simulation.contact(),
        DriverConfig::Gpio { place, active_low } => gpio::open_contact(place, *active_low, index, edges),
    }
}

fn complain(line: &LineConfig, error: Option<&DriverError>) {
    if let Some(error) = error {
        tracing::error!(line = %line.name, code = "line_unusable", %error, "the line cannot be used");
    }
}

struct Shared {
    board: RefCell<Board>,
    rescheduled: Notify,
    changed: Notify,
}

/// All lines of the device; clones share them.
#[derive(Clone)]
pub struct Lines(Rc<Shared>);

impl Lines {
    /// Opens every line of a configuration and applies the safe levels. A line that cannot be opened is
    /// there without a level and refuses commands; the others work.
    pub fn open(config: &Config) -> (Self, mpsc::Receiver<Edge>) {
        let (edges, queue) = mpsc::channel(EDGE_QUEUE);
        let simulation = sim::Simulation::start(config.simulator.as_ref(), &config.lines, &edges);
        let open = |(index, line): (usize, &LineConfig)| {
            let behaviour = match line.safe {
                Some(safe) => {
                    let driver = open_output(line, safe, &simulation);
                    complain(line, driver.as_ref().err());
                    Behaviour::Output(Output::new(line, safe, driver))
                }
                None => {
                    let level = open_contact(line, index, &simulation, &edges);
                    complain(line, level.as_ref().err());
                    Behaviour::Contact(Contact::new(line.debounce, level.ok()))
                }
            };
            Line::new(line.clone(), behaviour)
        };
        let lines = config.lines.iter().enumerate().map(open).collect();
        let shared = Shared {
            board: RefCell::new(Board { lines, events: VecDeque::new() }),
            rescheduled: Notify::new(),
            changed: Notify::new(),
        };
        (Self(Rc::new(shared)), queue)
    }

    /// Does something to the board, then sees to its events and timers.
    fn with<T>(&self, act: impl FnOnce(&mut Board, Instant) -> T) -> T {
        let now = Instant::now();
        let mut board = self.0.board.borrow_mut();
        let result = act(&mut board, now);
        board.collect_events(now);
        if !board.events.is_empty() {
            self.0.changed.notify_one();
        }
        self.0.rescheduled.notify_one();
        result
    }

    /// Runs an action of a verified command, now. Returns the level right after.
    pub fn run(
        &self,
        line: &Name,
        action: &str,
        args: &Map<String, Value>,
    ) -> Result<Option<Level>, Refused> {
        self.with(|board, now| board.run(line, action, args, now))
    }

    /// Every line as it is now.
    pub fn infos(&self) -> Vec<LineInfo> {
        self.0.board.borrow().lines.iter().map(Line::info).collect()
    }

    /// The link is up: levels are the edge's business again. Changes so far are in the hello.
    pub fn link_up(&self) {
        self.with(|board, _| board.each_output(Output::link_up));
        self.0.board.borrow_mut().events.clear();
    }

    /// The link was lost: the lines' own rules hold.
    pub fn link_lost(&self) {
        self.with(|board, now| board.each_output(|output| output.link_lost(now)));
    }

    /// Takes every output to its safe level and ends whatever runs. Returns what went wrong.
    pub fn make_safe(&self) -> Vec<(Name, DriverError)> {
        self.with(|board, _| {
            let mut wrong = Vec::new();
            for line in &mut board.lines {
                if let Behaviour::Output(output) = &mut line.behaviour
                    && let Err(error) = output.make_safe()
                {
                    wrong.push((line.config.name.clone(), error));
                }
            }
            wrong
        })
    }

    /// The next change to report, if there is one already.
    pub fn pending_event(&self) -> Option<Event> {
        self.0.board.borrow_mut().events.pop_front()
    }

    /// The next change to report, once there is one.
    pub async fn next_event(&self) -> Event {
        loop {
            if let Some(event) = self.pending_event() {
                return event;
            }
            self.0.changed.notified().await;
        }
    }

    /// When the first timer of a line is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.0.board.borrow().lines.iter().filter_map(Line::next_due).min()
    }

    /// Runs the timers and takes the contacts' edges, for ever.
    pub async fn drive(&self, mut edges: mpsc::Receiver<Edge>) {
        loop {
            let due = self.next_due();
            let timer = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = timer => {}
                // Re-reads what is due next.
                () = self.0.rescheduled.notified() => continue,
                Some(edge) = edges.recv() => self.with(|board, now| {
                    if let Some(Behaviour::Contact(contact)) =
                        board.lines.get_mut(edge.line).map(|line| &mut line.behaviour)
                    {
                        contact.edge(edge.level, now);
                    }
                }),
            }
            self.with(|board, now| board.lines.iter_mut().for_each(|line| line.tick(now)));
        }
    }
}

#[cfg(test)]
mod tests;
