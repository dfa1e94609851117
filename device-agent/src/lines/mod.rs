//! Controls the lines of the device. A line is one input or output of the device, such as a GPIO line, a PWM output or
//! a sensor.
//!
//! [`Lines::run`] executes a command immediately, without a separate task and without a queue. The
//! future [`Lines::drive`] does all later work, such as ending pulses, blinking, fading, debouncing
//! and reading sensors. The future [`Lines::drive`] also runs while the connection to the edge is
//! lost. The modules [`output`], [`contact`] and [`sensor`] contain the rules for a single line.
//! The module [`interlock`] contains the rules between several lines. The modules with the rules
//! use no clock and no I/O. The module [`driver`] accesses the hardware.

mod board;
pub mod budget;
pub mod contact;
pub mod driver;
pub mod interlock;
mod line;
pub mod output;
pub mod refused;
pub mod sensor;
pub mod survey;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pinlatch_protocol::agent::no_reading;
use pinlatch_protocol::line::{Authority, Level, LineInfo};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::RuleInfo;
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::config::{Config, LineConfig};
use crate::rules::{Ran, RuleCounters, RuleRuns};
use crate::statements::Measurement;
use board::Board;
pub use driver::{Driver, DriverError, Input, Open, Signal};
use line::Line;
pub use line::{Event, LineEvent};
pub use output::Course;
pub use refused::Refused;

struct Shared {
    board: RefCell<Board>,
    rescheduled: Notify,
    changed: Notify,
    reconfigured: Notify,
    ran: Notify,
    /// Is true if the set of lines or the rules have changed since the last hello message to the edge.
    untold: Cell<bool>,
}

/// The lines of the device. All clones share the same lines.
#[derive(Clone)]
pub struct Lines(Rc<Shared>);

impl Lines {
    /// Opens every line of a configuration and sets each output to its start level. If a line cannot be opened, its
    /// level is unknown and the agent refuses commands for this line. The agent regularly tries again to open an
    /// unusable line. An unusable line does not affect the other lines.
    pub fn open(config: &Config, runs: RuleRuns) -> (Self, mpsc::Receiver<Signal>) {
        let (machine, queue) = driver::Machine::new(config);
        (Self::open_on(config, Box::new(machine), runs), queue)
    }

    /// Opens every line of a configuration with the given drivers.
    fn open_on(config: &Config, drivers: Box<dyn Open>, runs: RuleRuns) -> Self {
        let board = Board::open(config, drivers, runs, Instant::now());
        Self(Rc::new(Shared {
            board: RefCell::new(board),
            rescheduled: Notify::new(),
            changed: Notify::new(),
            reconfigured: Notify::new(),
            ran: Notify::new(),
            untold: Cell::new(false),
        }))
    }

    /// Runs `act` on the board, and then queues the resulting events and updates the timers.
    fn with<T>(&self, act: impl FnOnce(&mut Board, Instant) -> T) -> T {
        let now = Instant::now();
        let mut board = self.0.board.borrow_mut();
        let result = act(&mut board, now);
        board.follow_rules(now);
        if board.collect_events(now) {
            self.0.changed.notify_one();
        }
        if board.runs().has_unsent() {
            self.0.ran.notify_one();
        }
        self.0.rescheduled.notify_one();
        result
    }

    /// Immediately runs the action of a verified command. Returns the level of the line right after the action has
    /// started.
    pub fn run(
        &self,
        line: &Name,
        action: &str,
        args: &Map<String, Value>,
    ) -> Result<Option<Level>, Refused> {
        self.with(|board, now| board.run(line, action, args, now))
    }

    /// Applies a reloaded configuration. A line whose configuration has not changed keeps its level and its timers. An
    /// output whose configuration has changed goes to its safe level and is opened again. `between` runs after the
    /// removed outputs are at their safe levels, and before the new outputs are opened.
    pub async fn reload(&self, config: &Config, between: impl FnOnce()) {
        for released in self.with(|board, now| board.retire(config, now)) {
            // The result of the aborted task is ignored, because the result is always an error.
            let _ = released.await;
        }
        between();
        if self.with(|board, now| board.install(config, now)) {
            self.0.untold.set(true);
            self.0.reconfigured.notify_one();
        }
    }

    /// Waits until the lines or the rules differ from the ones in the last hello message to the edge.
    pub async fn reconfigured(&self) {
        while !self.0.untold.take() {
            self.0.reconfigured.notified().await;
        }
    }

    pub fn infos(&self) -> Vec<LineInfo> {
        self.0.board.borrow().infos(Instant::now())
    }

    /// Returns the rules for the edge, which shows them to people.
    pub fn rules(&self) -> Vec<RuleInfo> {
        self.0.board.borrow().rules()
    }

    /// Returns the number of rules, and of their actions.
    pub fn rule_counters(&self) -> RuleCounters {
        let board = self.0.board.borrow();
        board.runs().counters(board.rules().len())
    }

    /// Returns the next report about a rule that was not sent on this connection. The caller must send it now.
    pub fn unsent_run(&self) -> Option<Ran> {
        self.0.board.borrow_mut().runs_mut().take_unsent()
    }

    /// Waits for the next report about a rule.
    pub async fn next_run(&self) -> Ran {
        loop {
            if let Some(ran) = self.unsent_run() {
                return ran;
            }
            self.0.ran.notified().await;
        }
    }

    /// Records that a ping was sent. Its pong confirms the reports about rules that were sent before the ping.
    pub fn pinged(&self) {
        self.0.board.borrow_mut().runs_mut().pinged();
    }

    pub fn ponged(&self) {
        self.0.board.borrow_mut().runs_mut().ponged();
    }

    /// Returns whether many reports about rules were sent since the last ping.
    pub fn is_ping_due(&self) -> bool {
        self.0.board.borrow().runs().is_ping_due()
    }

    /// Returns the level of a line with the time of its measurement, or a code from [`no_reading`].
    pub fn measure(&self, line: &Name) -> Result<Measurement, &'static str> {
        let board = self.0.board.borrow();
        let line = board.find(line).ok_or(no_reading::UNKNOWN_LINE)?;
        line.measurement(Instant::now()).ok_or(no_reading::LEVEL_UNKNOWN)
    }

    /// Returns whether the device signs the level changes of the line.
    pub fn is_signed(&self, line: &Name) -> bool {
        self.0.board.borrow().find(line).is_some_and(|line| line.config().signed)
    }

    /// Returns whether the device signs receipts for the commands of the line.
    pub fn gives_receipts(&self, line: &Name) -> bool {
        self.0.board.borrow().find(line).is_some_and(|line| line.config().receipts)
    }

    /// Returns whether only holders can operate the line by way of the edge.
    pub fn needs_holder(&self, line: &Name) -> bool {
        let board = self.0.board.borrow();
        board.find(line).is_some_and(|line| line.config().authority == Authority::Holder)
    }

    /// Returns the scheduled end of a line's level.
    pub fn course(&self, line: &Name) -> Course {
        self.0.board.borrow().course(line)
    }

    /// Calls `ask` for each line with the line's configuration, level and fault.
    pub fn each<T>(&self, ask: impl Fn(&LineConfig, Option<Level>, Option<&DriverError>) -> T) -> Vec<T> {
        let board = self.0.board.borrow();
        let ask = |line: &Line| ask(line.config(), line.level(), line.fault());
        board.lines().iter().map(ask).collect()
    }

    /// Handles a new connection to the edge. All queued events are dropped, because the hello message contains the
    /// current level of every line.
    pub fn link_up(&self) {
        self.0.untold.set(false);
        self.with(|board, now| {
            // Level changes that are not in the event queue yet are added first, so that these level changes are
            // dropped too.
            board.collect_events(now);
            board.link_up(now);
        });
    }

    /// Handles the loss of the connection to the edge. From now on, every output follows its rule `on_link_loss`.
    pub fn link_lost(&self) {
        self.with(Board::link_lost);
    }

    /// Sets every output to its safe level and ends all timers of outputs. Returns the name and the error of each
    /// output that failed.
    pub fn make_safe(&self) -> Vec<(Name, DriverError)> {
        self.with(Board::make_safe)
    }

    /// Returns the next event, if an event is queued.
    pub fn pending_event(&self) -> Option<Event> {
        self.0.board.borrow_mut().pending_event()
    }

    /// Waits for the next event of any line.
    pub async fn next_event(&self) -> Event {
        loop {
            if let Some(event) = self.pending_event() {
                return event;
            }
            self.0.changed.notified().await;
        }
    }

    /// Returns the time at which the next timer of any line is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.0.board.borrow().next_due(Instant::now())
    }

    /// Runs the timers of all lines and handles input signals. This function never returns.
    pub async fn drive(&self, mut signals: mpsc::Receiver<Signal>) {
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
                // The time of the next timer has possibly changed, so the loop starts again.
                () = self.0.rescheduled.notified() => continue,
                Some(signal) = signals.recv() => self.with(|board, now| board.handle_signal(signal, now)),
            }
            self.with(Board::tick);
        }
    }
}

#[cfg(test)]
mod tests;
