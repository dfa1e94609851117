//! Accesses the pins of an emulated board through QEMU's test socket (qtest). Through this socket, the test observes
//! each change of an output, drives inputs, and reads the GPIO controller's registers while the guest runs.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::board::Board;
use super::state::State;
use crate::soon;

/// The maximum time until QEMU responds to a request.
const ANSWER: Duration = Duration::from_secs(15);

/// A level change of an output pin that the test observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The time at which the test received QEMU's report of the change.
    pub at: Instant,
    /// The level of the pin after the change.
    pub level: bool,
}

/// The level changes of each pin that have not been returned to the test yet.
#[derive(Default)]
struct Changes {
    unseen: Mutex<HashMap<u32, VecDeque<Change>>>,
    more: Condvar,
}

impl Changes {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, VecDeque<Change>>> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All pins of a GPIO controller.
pub struct Pins {
    socket: Mutex<(UnixStream, Receiver<String>)>,
    changes: Arc<Changes>,
    board: Board,
    path: String,
}

impl Pins {
    /// Connects to QEMU, and starts to observe the outputs of a GPIO controller. The argument `path` is the
    /// controller's path in QEMU's object model (QOM).
    pub fn connect(socket: &Path, board: Board, path: &str) -> Self {
        let stream = soon("QEMU's test socket", || UnixStream::connect(socket).ok());
        let changes = Arc::new(Changes::default());
        let (sender, answers) = mpsc::channel();
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let told = changes.clone();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let at = Instant::now();
                match line.strip_prefix("IRQ ").map(parse_change) {
                    Some(Some((pin, level))) => {
                        told.lock().entry(pin).or_default().push_back(Change { at, level });
                        told.more.notify_all();
                    }
                    Some(None) => {}
                    None => drop(sender.send(line)),
                }
            }
        });
        let pins = Self { socket: Mutex::new((stream, answers)), changes, board, path: path.to_owned() };
        pins.ask(&format!("irq_intercept_out {path}"));
        pins
    }

    pub fn pin(&self, number: u32) -> Pin<'_> {
        Pin { pins: self, number }
    }

    fn ask(&self, request: &str) -> String {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(socket.0, "{request}").expect("QEMU listens");
        let answer =
            socket.1.recv_timeout(ANSWER).unwrap_or_else(|_| panic!("QEMU does not answer {request}"));
        let result =
            answer.strip_prefix("OK").unwrap_or_else(|| panic!("QEMU answered {request} with {answer}"));
        result.trim().to_owned()
    }

    fn register(&self, address: u64) -> u32 {
        let answer = self.ask(&format!("readl {address:#x}"));
        let digits = answer.strip_prefix("0x").expect("a number");
        u64::from_str_radix(digits, 16).ok().and_then(|value| value.try_into().ok()).expect("32 bits")
    }
}

/// Parses a QEMU report such as `raise 17` or `lower 17`.
fn parse_change(text: &str) -> Option<(u32, bool)> {
    let (what, pin) = text.split_once(' ')?;
    Some((pin.trim().parse().ok()?, what == "raise"))
}

#[derive(Clone, Copy)]
pub struct Pin<'a> {
    pins: &'a Pins,
    number: u32,
}

impl Pin<'_> {
    pub fn state(&self) -> State {
        self.pins.board.state(self.number, |address| self.pins.register(address))
    }

    /// Waits until the pin has the given state.
    #[track_caller]
    pub fn until(&self, state: State) {
        soon(&format!("pin {} is {state:?}", self.number), || (self.state() == state).then_some(()));
    }

    /// Waits for the next level change that has not been returned yet, and returns its time. Panics if the change is to
    /// another level than `level`.
    #[track_caller]
    pub fn wait_for(&self, level: bool, limit: Duration) -> Instant {
        let deadline = Instant::now() + limit;
        let mut unseen = self.pins.changes.lock();
        loop {
            if let Some(change) = unseen.get_mut(&self.number).and_then(VecDeque::pop_front) {
                assert_eq!(change.level, level, "pin {} changed the other way", self.number);
                return change.at;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "after {limit:?} pin {} has not become {level}", self.number);
            unseen =
                self.pins.changes.more.wait_timeout(unseen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns all level changes of the pin that have not been returned yet.
    pub fn changes(&self) -> Vec<Change> {
        self.pins.changes.lock().remove(&self.number).map(Vec::from).unwrap_or_default()
    }

    /// Drives an input pin, and waits until the guest's kernel has handled the interrupt. Without this wait, the kernel
    /// could see two changes of the pin as one change.
    pub fn drive_slowly(&self, level: bool) {
        self.drive(level);
        let is_taken = || !self.pins.board.has_interrupt(self.number, |address| self.pins.register(address));
        soon(&format!("the interrupt of pin {}", self.number), || is_taken().then_some(()));
    }

    /// Drives an input pin to the given level.
    pub fn drive(&self, level: bool) {
        let Pins { path, .. } = self.pins;
        self.pins.ask(&format!("set_irq_in {path} unnamed-gpio-in {} {}", self.number, u8::from(level)));
    }
}
