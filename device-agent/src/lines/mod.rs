//! The device's lines: their permissions and timers.
//!
//! [`Lines`] runs a command within the call that delivers it, without a task or a queue. The future [`Lines::drive`]
//! does all later work (ends of pulses, blinking, fading, debouncing, readings), with or without a link. [`output`],
//! [`contact`] and [`sensor`] contain the rules for a single line, and [`interlock`] contains the rules between lines.
//! These four modules have no clocks and no I/O. [`driver`] accesses the hardware.

mod board;
pub mod contact;
pub mod driver;
pub mod interlock;
mod line;
pub mod output;
pub mod quantity;
pub mod refused;
pub mod sensor;
pub mod survey;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pinlatch_protocol::line::{Level, LineInfo};
use pinlatch_protocol::name::Name;
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::config::{Config, LineConfig};
use board::Board;
pub use driver::{Driver, DriverError, Input, Open, Signal};
use line::Line;
pub use line::{Event, LineEvent};
pub use refused::Refused;

struct Shared {
    board: RefCell<Board>,
    rescheduled: Notify,
    changed: Notify,
    reconfigured: Notify,
    /// Whether the set of lines changed since the last hello.
    untold: Cell<bool>,
}

/// Clones share the lines.
#[derive(Clone)]
pub struct Lines(Rc<Shared>);

impl Lines {
    /// Opens every line of a configuration at its start level. A line that cannot be opened has no level, refuses
    /// commands and is retried regularly. The other lines are not affected.
    pub fn open(config: &Config) -> (Self, mpsc::Receiver<Signal>) {
        let (machine, queue) = driver::Machine::new(config);
        (Self::open_on(config, Box::new(machine)), queue)
    }

    /// Opens the lines with the given drivers.
    fn open_on(config: &Config, drivers: Box<dyn Open>) -> Self {
        let board = Board::open(config, drivers, Instant::now());
        Self(Rc::new(Shared {
            board: RefCell::new(board),
            rescheduled: Notify::new(),
            changed: Notify::new(),
            reconfigured: Notify::new(),
            untold: Cell::new(false),
        }))
    }

    /// Runs `act` on the board, then handles the resulting events and timers.
    fn with<T>(&self, act: impl FnOnce(&mut Board, Instant) -> T) -> T {
        let now = Instant::now();
        let mut board = self.0.board.borrow_mut();
        let result = act(&mut board, now);
        if board.collect_events(now) {
            self.0.changed.notify_one();
        }
        self.0.rescheduled.notify_one();
        result
    }

    /// Runs an action of a verified command immediately. Returns the level right after it.
    pub fn run(
        &self,
        line: &Name,
        action: &str,
        args: &Map<String, Value>,
    ) -> Result<Option<Level>, Refused> {
        self.with(|board, now| board.run(line, action, args, now))
    }

    /// Applies a reloaded configuration. Unchanged lines keep their level and their timers. Changed lines go to their
    /// safe level and are reopened.
    pub async fn reload(&self, config: &Config) {
        for released in self.with(|board, now| board.retire(config, now)) {
            // The task was aborted, so its result is always an error.
            let _ = released.await;
        }
        if self.with(|board, now| board.install(config, now)) {
            self.0.untold.set(true);
            self.0.reconfigured.notify_one();
        }
    }

    /// Waits until the set of lines differs from the last hello.
    pub async fn reconfigured(&self) {
        while !self.0.untold.take() {
            self.0.reconfigured.notified().await;
        }
    }

    pub fn infos(&self) -> Vec<LineInfo> {
        self.0.board.borrow().infos()
    }

    /// Calls `ask` for each line with its configuration, level and fault.
    pub fn each<T>(&self, ask: impl Fn(&LineConfig, Option<Level>, Option<&DriverError>) -> T) -> Vec<T> {
        let board = self.0.board.borrow();
        let ask = |line: &Line| ask(line.config(), line.level(), line.fault());
        board.lines().iter().map(ask).collect()
    }

    /// Reports that the link is up. The hello contains all earlier changes, so their events are dropped.
    pub fn link_up(&self) {
        self.0.untold.set(false);
        self.with(|board, now| {
            // Also drops changes that were not collected yet.
            board.collect_events(now);
            board.link_up();
        });
    }

    /// Reports that the link is lost. From now on the `on_link_loss` rules apply.
    pub fn link_lost(&self) {
        self.with(Board::link_lost);
    }

    /// Applies every output's safe level and ends all timers. Returns the failures.
    pub fn make_safe(&self) -> Vec<(Name, DriverError)> {
        self.with(Board::make_safe)
    }

    /// The next event, if one is queued.
    pub fn pending_event(&self) -> Option<Event> {
        self.0.board.borrow_mut().pending_event()
    }

    /// Waits for the next event.
    pub async fn next_event(&self) -> Event {
        loop {
            if let Some(event) = self.pending_event() {
                return event;
            }
            self.0.changed.notified().await;
        }
    }

    /// Time at which the first timer of a line is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.0.board.borrow().next_due()
    }

    /// Runs timers and handles input signals. Never returns.
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
                // The next due time has possibly changed.
                () = self.0.rescheduled.notified() => continue,
                Some(signal) = signals.recv() => self.with(|board, now| board.handle_signal(signal, now)),
            }
            self.with(Board::tick);
        }
    }
}

#[cfg(test)]
mod tests;
