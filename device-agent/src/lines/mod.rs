//! The device's lines: what they may do, and the timers that end what they do.
//!
//! [`Lines`] runs a command in the very call that delivers it, with no task or queue in between; its
//! future [`Lines::drive`] does what comes later (ends of pulses, blinking, fading, debouncing, readings), whether
//! or not there is a link. The rules of one line are in [`output`], [`contact`] and [`sensor`], what stands between
//! lines in [`interlock`]: free of clocks and I/O. [`driver`] has the hardware.

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
    /// Whether there are other lines than those that the edge was told of.
    untold: Cell<bool>,
}

/// All lines of the device; clones share them.
#[derive(Clone)]
pub struct Lines(Rc<Shared>);

impl Lines {
    /// Opens every line of a configuration and applies the levels of the start. A line that cannot be opened is
    /// there without a level, refuses commands and is tried again now and then; the others work.
    pub fn open(config: &Config) -> (Self, mpsc::Receiver<Signal>) {
        let (machine, queue) = driver::Machine::new(config);
        (Self::open_on(config, Box::new(machine)), queue)
    }

    /// Opens the lines with drivers of the caller's.
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

    /// Does something to the board, then sees to its events and timers.
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

    /// Runs an action of a verified command, now. Returns the level right after.
    pub fn run(
        &self,
        line: &Name,
        action: &str,
        args: &Map<String, Value>,
    ) -> Result<Option<Level>, Refused> {
        self.with(|board, now| board.run(line, action, args, now))
    }

    /// Follows another configuration. Lines whose part of it is the same keep their level and their timers; the others
    /// become safe, and are opened anew.
    pub async fn reload(&self, config: &Config) {
        for released in self.with(|board, now| board.retire(config, now)) {
            // It was told to end, and that is how it ends.
            let _ = released.await;
        }
        if self.with(|board, now| board.install(config, now)) {
            self.0.untold.set(true);
            self.0.reconfigured.notify_one();
        }
    }

    /// Ready once there are other lines than when the edge was told of them.
    pub async fn reconfigured(&self) {
        while !self.0.untold.take() {
            self.0.reconfigured.notified().await;
        }
    }

    /// Every line as it is now.
    pub fn infos(&self) -> Vec<LineInfo> {
        self.0.board.borrow().infos()
    }

    /// Asks each line for its configuration, its level and its fault.
    pub fn each<T>(&self, ask: impl Fn(&LineConfig, Option<Level>, Option<&DriverError>) -> T) -> Vec<T> {
        let board = self.0.board.borrow();
        let ask = |line: &Line| ask(line.config(), line.level(), line.fault());
        board.lines().iter().map(ask).collect()
    }

    /// The link is up: levels are the edge's business again. Changes so far are in the hello.
    pub fn link_up(&self) {
        self.0.untold.set(false);
        self.with(|board, now| {
            // What has not been collected yet is in the hello too.
            board.collect_events(now);
            board.link_up();
        });
    }

    /// The link was lost, or is not there yet: the lines' own rules hold.
    pub fn link_lost(&self) {
        self.with(Board::link_lost);
    }

    /// Takes every output to its safe level and ends whatever runs. Returns what went wrong.
    pub fn make_safe(&self) -> Vec<(Name, DriverError)> {
        self.with(Board::make_safe)
    }

    /// The next thing to report, if there is one already.
    pub fn pending_event(&self) -> Option<Event> {
        self.0.board.borrow_mut().pending_event()
    }

    /// The next thing to report, once there is one.
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
        self.0.board.borrow().next_due()
    }

    /// Runs the timers and takes what the inputs say, for ever.
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
                // Re-reads what is due next.
                () = self.0.rescheduled.notified() => continue,
                Some(signal) = signals.recv() => self.with(|board, now| board.handle_signal(signal, now)),
            }
            self.with(Board::tick);
        }
    }
}

#[cfg(test)]
mod tests;
