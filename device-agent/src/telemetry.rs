//! What the running agent knows of itself: its link, its clock and its counters. `status` shows it.

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

/// Who this device is, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The edge's address.
    pub edge: String,
    /// The site.
    pub site: Name,
    /// The device.
    pub device: Name,
}

/// How the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// An attempt is under way.
    Connecting,
    /// It is up.
    Up {
        /// Since when.
        since: Instant,
    },
    /// It is down.
    Down {
        /// When it is tried again.
        retry_at: Instant,
    },
}

/// What has been counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Connections that were established.
    pub connections: u64,
    /// Commands that were executed.
    pub executed: u64,
    /// Commands whose deadline had passed.
    pub expired: u64,
    /// Commands that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Connections that were lost, and attempts that failed, by the error's code.
    #[serde(default)]
    pub link_errors: BTreeMap<String, u64>,
    /// Events that were sent.
    pub events: u64,
    /// Bytes of text frames that were received.
    pub bytes_received: u64,
    /// Bytes of text frames that were sent.
    pub bytes_sent: u64,
}

/// The last error of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Its stable code.
    pub code: String,
    /// In words.
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

/// A record that everything on the agent's one thread adds to; clones share it.
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
    /// An attempt begins.
    pub fn connecting(&self, identity: Identity) {
        self.0.link.set(Link::Connecting);
        self.0.identity.replace(Some(identity));
    }

    /// The link is up.
    pub fn connected(&self) {
        self.0.link.set(Link::Up { since: Instant::now() });
        self.count(|counters| counters.connections += 1);
    }

    /// The link is down.
    pub fn lost(&self, code: &str, message: &str, retry_at: Instant) {
        self.0.link.set(Link::Down { retry_at });
        let error = LastError { code: code.into(), message: message.into() };
        self.0.last_error.replace(Some(error));
        // The codes are this program's own, so there are not many.
        self.count(|counters| *counters.link_errors.entry(code.into()).or_default() += 1);
    }

    /// Edge time is known.
    pub fn clock_set(&self, clock: EdgeClock) {
        self.0.clock.set(Some(clock));
    }

    /// How long the device's certificate holds, where it says.
    pub fn certificate(&self, term: Option<Term>) {
        self.0.certificate.set(term);
    }

    /// How long the device's certificate holds, once that was read.
    pub fn certificate_term(&self) -> Option<Term> {
        self.0.certificate.get()
    }

    /// A command has ended.
    pub fn command(&self, outcome: &Outcome) {
        self.count(|counters| match outcome.status {
            CommandStatus::Executed => counters.executed += 1,
            CommandStatus::Expired => counters.expired += 1,
            _ => {
                // The codes are this program's own, so there are not many.
                let code = outcome.code.clone().unwrap_or_default();
                *counters.refused.entry(code).or_default() += 1;
            }
        });
    }

    /// A command came twice.
    pub fn replayed(&self) {
        self.count(|counters| *counters.refused.entry("refused_replay".into()).or_default() += 1);
    }

    /// Counts something.
    pub fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.0.counters.borrow_mut());
    }

    /// When the agent started.
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// How the link is.
    pub fn link(&self) -> Link {
        self.0.link.get()
    }

    /// Edge time, once it is known.
    pub fn clock(&self) -> Option<EdgeClock> {
        self.0.clock.get()
    }

    /// Who this device is, once that was read.
    pub fn identity(&self) -> Option<Identity> {
        self.0.identity.borrow().clone()
    }

    /// The last error of the link.
    pub fn last_error(&self) -> Option<LastError> {
        self.0.last_error.borrow().clone()
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.0.counters.borrow().clone()
    }
}
