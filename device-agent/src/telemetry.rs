//! Runtime state of the agent: link, clock and counters. Shown by `status` and the metrics.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use pinlatch_protocol::agent::Outcome;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock::EdgeClock;
use crate::renewal::Term;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Base URL.
    pub edge: String,
    pub site: Name,
    pub device: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up {
        since: Instant,
    },
    Down {
        /// Time of the next attempt.
        retry_at: Instant,
    },
}

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Established connections.
    pub connections: u64,
    pub executed: u64,
    /// Commands whose deadline had passed.
    pub expired: u64,
    /// Refused commands, by error code.
    pub refused: BTreeMap<String, u64>,
    /// Lost connections and failed attempts, by error code.
    #[serde(default)]
    pub link_errors: BTreeMap<String, u64>,
    /// Events sent to the edge.
    pub events: u64,
    /// Counts text frames only.
    pub bytes_received: u64,
    /// Counts text frames only.
    pub bytes_sent: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Stable error code.
    pub code: String,
    pub message: String,
}

struct Known {
    started: Instant,
    link: Cell<Link>,
    clock: Cell<Option<EdgeClock>>,
    certificate: Cell<Option<Term>>,
    identity: RefCell<Option<Identity>>,
    last_error: RefCell<Option<LastError>>,
    counters: RefCell<Counters>,
}

/// State that all parts of the agent record, on one thread. Clones share the state.
#[derive(Clone)]
pub struct Telemetry(Rc<Known>);

impl Default for Telemetry {
    fn default() -> Self {
        Self(Rc::new(Known {
            started: Instant::now(),
            link: Cell::new(Link::Connecting),
            clock: Cell::default(),
            certificate: Cell::default(),
            identity: RefCell::default(),
            last_error: RefCell::default(),
            counters: RefCell::default(),
        }))
    }
}

impl Telemetry {
    pub fn connecting(&self, identity: Identity) {
        self.0.link.set(Link::Connecting);
        self.0.identity.replace(Some(identity));
    }

    pub fn connected(&self) {
        self.0.link.set(Link::Up { since: Instant::now() });
        self.count(|counters| counters.connections += 1);
    }

    pub fn lost(&self, code: &str, message: &str, retry_at: Instant) {
        self.0.link.set(Link::Down { retry_at });
        let error = LastError { code: code.into(), message: message.into() };
        self.0.last_error.replace(Some(error));
        // Error codes are constants of this program, so the map stays small.
        self.count(|counters| *counters.link_errors.entry(code.into()).or_default() += 1);
    }

    pub fn clock_set(&self, clock: EdgeClock) {
        self.0.clock.set(Some(clock));
    }

    /// Records the validity of the device's certificate; `None` if it could not be parsed.
    pub fn certificate(&self, term: Option<Term>) {
        self.0.certificate.set(term);
    }

    /// Validity of the device's certificate. `None` until the certificate was read.
    pub fn certificate_term(&self) -> Option<Term> {
        self.0.certificate.get()
    }

    /// Counts the outcome of a command.
    pub fn command(&self, outcome: &Outcome) {
        self.count(|counters| match outcome.status {
            CommandStatus::Executed => counters.executed += 1,
            CommandStatus::Expired => counters.expired += 1,
            _ => {
                // Refusal codes are constants of this program, so the map stays small.
                let code = outcome.code.clone().unwrap_or_default();
                *counters.refused.entry(code).or_default() += 1;
            }
        });
    }

    /// Counts a command that was received twice.
    pub fn replayed(&self) {
        self.count(|counters| *counters.refused.entry("refused_replay".into()).or_default() += 1);
    }

    pub fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.0.counters.borrow_mut());
    }

    pub fn started(&self) -> Instant {
        self.0.started
    }

    pub fn link(&self) -> Link {
        self.0.link.get()
    }

    /// `None` until edge time is known.
    pub fn clock(&self) -> Option<EdgeClock> {
        self.0.clock.get()
    }

    /// Identity of this device. `None` until the credentials were read.
    pub fn identity(&self) -> Option<Identity> {
        self.0.identity.borrow().clone()
    }

    pub fn last_error(&self) -> Option<LastError> {
        self.0.last_error.borrow().clone()
    }

    pub fn counters(&self) -> Counters {
        self.0.counters.borrow().clone()
    }
}
