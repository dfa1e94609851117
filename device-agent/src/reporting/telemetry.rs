//! Records the runtime state of the agent, which consists of the connection, the clock and the counters. The command
//! `pinlatch-agent status` and the metrics show the runtime state.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use pinlatch_protocol::agent::Outcome;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::EdgeClock;
use crate::uplink::renewal::Term;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The base URL of the edge.
    pub edge: String,
    pub site: Name,
    pub device: Name,
    /// The thumbprint of the device's key (RFC 7638).
    pub key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up {
        since: Instant,
    },
    Down {
        /// The time of the next connection attempt.
        retry_at: Instant,
    },
}

/// The counters since the start of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The number of established connections to the edge.
    pub connections: u64,
    pub executed: u64,
    /// The number of commands that the agent did not run because the deadline had passed.
    pub expired: u64,
    /// The number of refused commands for each error code.
    pub refused: BTreeMap<String, u64>,
    /// The number of lost connections and failed connection attempts for each error code.
    #[serde(default)]
    pub link_errors: BTreeMap<String, u64>,
    /// The number of events that the agent has sent to the edge.
    pub events: u64,
    /// The number of received bytes in text frames.
    pub bytes_received: u64,
    /// The number of sent bytes in text frames.
    pub bytes_sent: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// The stable error code.
    pub code: String,
    pub message: String,
}

/// A state of the agent that its owner must correct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The stable code, from [`pinlatch_protocol::agent::warning`].
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
    warnings: RefCell<BTreeMap<&'static str, String>>,
    /// The codes of the warnings that the last hello message contained.
    reported: RefCell<Vec<String>>,
    warnings_changed: Notify,
}

/// The runtime state that all parts of the agent record on one thread. All clones share the same state.
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
            warnings: RefCell::default(),
            reported: RefCell::default(),
            warnings_changed: Notify::new(),
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
        // All error codes are constants in the source code, so the map stays small.
        self.count(|counters| *counters.link_errors.entry(code.into()).or_default() += 1);
    }

    pub fn clock_set(&self, clock: EdgeClock) {
        self.0.clock.set(Some(clock));
    }

    /// Records the validity period of the device's certificate. The value is `None` if the certificate could not be
    /// parsed.
    pub fn certificate(&self, term: Option<Term>) {
        self.0.certificate.set(term);
    }

    /// Returns the validity period of the device's certificate. The result is `None` until the agent has read the
    /// certificate.
    pub fn certificate_term(&self) -> Option<Term> {
        self.0.certificate.get()
    }

    /// Counts the outcome of a command.
    pub fn command(&self, outcome: &Outcome) {
        self.count(|counters| match outcome.status {
            CommandStatus::Executed => counters.executed += 1,
            CommandStatus::Expired => counters.expired += 1,
            _ => {
                // All refusal codes are constants in the source code, so the map stays small.
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

    /// Returns the clock that computes edge time. The result is `None` until edge time is known.
    pub fn clock(&self) -> Option<EdgeClock> {
        self.0.clock.get()
    }

    /// Returns the identity of this device. The result is `None` until the agent has read the credentials.
    pub fn identity(&self) -> Option<Identity> {
        self.0.identity.borrow().clone()
    }

    pub fn last_error(&self) -> Option<LastError> {
        self.0.last_error.borrow().clone()
    }

    /// Adds a warning, or replaces the message of the warning with the same code.
    pub fn warn(&self, code: &'static str, message: String) {
        self.0.warnings.borrow_mut().insert(code, message);
        self.0.warnings_changed.notify_one();
    }

    /// Removes a warning whose cause is gone.
    pub fn resolve(&self, code: &'static str) {
        if self.0.warnings.borrow_mut().remove(code).is_some() {
            self.0.warnings_changed.notify_one();
        }
    }

    pub fn warnings(&self) -> Vec<Warning> {
        let warnings = self.0.warnings.borrow();
        let warning =
            |(code, message): (&&str, &String)| Warning { code: (*code).into(), message: message.clone() };
        warnings.iter().map(warning).collect()
    }

    fn warning_codes(&self) -> Vec<String> {
        self.0.warnings.borrow().keys().map(|code| (*code).to_owned()).collect()
    }

    /// Returns the codes of the warnings for a hello message.
    pub fn reported_warnings(&self) -> Vec<String> {
        let codes = self.warning_codes();
        self.0.reported.replace(codes.clone());
        codes
    }

    /// Waits until the warnings differ from those in the last hello message.
    pub async fn warnings_changed(&self) {
        while *self.0.reported.borrow() == self.warning_codes() {
            self.0.warnings_changed.notified().await;
        }
    }

    pub fn counters(&self) -> Counters {
        self.0.counters.borrow().clone()
    }
}
