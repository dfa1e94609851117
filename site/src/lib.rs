//! The state and rules of one Pinlatch site: its devices, commands, people, logins and audit log.
//!
//! This crate contains no socket, clock, random number generator or key. For each event, a shim (a Durable Object or a
//! test) opens the site with the current time, passes the event to the site, and then carries out the resulting
//! [`Effect`]s. A [`Site`] keeps no state in memory between events. All state is in a [`Store`], so hibernation and
//! eviction lose no data.
//!
//! Invariants:
//! * A command is stored before it is sent. It is sent once and answered once: with the device's report, or as
//!   `unknown` if no report arrives within [`GRACE_MS`] after the deadline.
//! * Permissions are computed for each request and event, from the token's scopes and the person's current role.
//! * Whether a device is online is computed from its open socket. The table contains only the value that was last
//!   published.
//! * No input from a caller or an agent makes the site fail.

#![warn(missing_docs)]
#![allow(clippy::result_large_err, reason = "a problem is made at most once per event")]

mod agent;
mod audit;
mod authority;
mod call;
mod command;
mod devices;
mod enrolment;
mod event;
mod failure;
mod identities;
mod lines;
mod links;
mod logins;
#[cfg(any(test, feature = "native"))]
pub mod native;
mod outcome;
mod panel;
mod people;
mod principal;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod wake;

use pinlatch_protocol::agent::FromAgent;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{FromPanel, ToPanel};
use pinlatch_protocol::problem::{Code, Problem};

use crate::failure::Failure;

pub use crate::agent::{Credential, MAX_LINES};
pub use crate::audit::MAX_AUDIT_PAGE;
pub use crate::call::{Answer, Call, CallResult, Reply};
pub use crate::command::{KEEP_COMMANDS_MS, MAX_IN_FLIGHT};
pub use crate::enrolment::Renewed;
pub use crate::event::{CommandOrder, Effect, Event, PanelFilter, Press, close};
pub use crate::links::Links;
pub use crate::logins::ROTATION_GRACE_MS;
pub use crate::outcome::GRACE_MS;
pub use crate::principal::Principal;
pub use crate::store::{Row, Store, StoreError, Value};

/// A site's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The site's name. The tokens of other sites are refused.
    pub site: Name,
    /// How long a token is still accepted after `exp`, in seconds. This value must equal the leeway of the signature
    /// check.
    pub leeway_s: u64,
    /// How long audit entries are kept by default, in milliseconds.
    pub keep_audit_ms: u64,
}

impl Config {
    /// The default configuration for a site.
    pub fn new(site: Name) -> Self {
        Self { site, leeway_s: 60, keep_audit_ms: 90 * 24 * 3_600_000 }
    }
}

/// A site, opened for one event.
pub struct Site<'a> {
    store: &'a dyn Store,
    links: &'a dyn Links,
    config: &'a Config,
    now_ms: u64,
    generation: u64,
    seq_floor: u64,
    seq: Option<u64>,
    effects: Vec<Effect>,
    /// Whether this event can have moved timers forward only by the deadlines of the commands that it sent.
    commands_only: bool,
    /// The earliest time at which a command that this event sent is given up, in milliseconds of Unix time.
    soonest: Option<u64>,
}

impl<'a> Site<'a> {
    /// Opens the site at `now_ms`, in milliseconds of Unix time. Creates the tables of an empty database and upgrades
    /// the tables of an older one. For a current database, this function makes a single read.
    pub fn open(
        store: &'a dyn Store,
        links: &'a dyn Links,
        config: &'a Config,
        now_ms: u64,
    ) -> Result<Self, StoreError> {
        let schema::Meta { generation, seq } = schema::open(store)?;
        Ok(Self {
            store,
            links,
            config,
            now_ms,
            generation,
            seq_floor: seq,
            seq: None,
            effects: Vec::new(),
            commands_only: false,
            soonest: None,
        })
    }

    /// Answers a call from the Worker, or returns a ticket if the answer comes later. The shim must also commit the
    /// writes of a refused call, for example entries of the audit log and ended logins.
    pub fn call(&mut self, call: Call) -> Result<Answer, Problem> {
        self.commands_only = matches!(call, Call::Command { .. });
        let outcome = self.dispatch(call);
        self.surface(outcome)
    }

    /// Handles a new panel socket. Returns the first frame for the socket.
    pub fn panel_connected(&mut self, principal: &Principal) -> Result<ToPanel, Problem> {
        let outcome = self.snapshot(principal);
        self.surface(outcome)
    }

    /// Handles a message from a panel. The effects that answer the message contain `panel`, which identifies the
    /// socket.
    pub fn panel_message(&mut self, principal: &Principal, panel: &str, message: FromPanel) {
        self.commands_only = true;
        self.handle_panel_message(principal, panel, message);
    }

    /// Checks that a panel socket is still allowed. If not, the shim must close it with [`close::SESSION_ENDED`].
    pub fn socket_authority(&mut self, principal: &Principal) -> Result<(), Problem> {
        let outcome = self.rights(principal).map(|_| ());
        self.surface(outcome)
    }

    /// The part of an event that one panel can see. [`Change::Hidden`](pinlatch_protocol::panel::Change::Hidden) if the
    /// panel can see no part of the event; `None` if its token is no longer valid.
    pub fn view_for(&mut self, principal: &Principal, event: &Event) -> Option<ToPanel> {
        match self.restrict(principal, event) {
            Ok(view) => Some(view),
            Err(Failure::Problem(_)) => None,
            Err(Failure::Store(error)) => {
                self.effects.push(Effect::Fault(error));
                None
            }
        }
    }

    /// The frame for a press; `None` if the panel is not allowed to see the press.
    pub fn press_for(&mut self, principal: &Principal, press: &Press) -> Option<ToPanel> {
        match self.see_press(principal, press) {
            Ok(view) => view,
            Err(Failure::Problem(_)) => None,
            Err(Failure::Store(error)) => {
                self.effects.push(Effect::Fault(error));
                None
            }
        }
    }

    /// Handles an agent's upgrade request; the Worker has verified the certificate and the proof. The key in the
    /// certificate must be the enrolled key, whichever edge key signed the certificate. On `Ok`, the shim must accept
    /// the socket within this event; an older connection of the device is closed. If `yields` is set and the older
    /// connection is live, the upgrade is refused instead.
    pub fn agent_connected(
        &mut self,
        device: &Name,
        session: &str,
        credential: &Credential<'_>,
        yields: bool,
    ) -> Result<(), Problem> {
        let outcome = self.connect(device, session, credential, yields);
        self.surface(outcome)
    }

    /// Handles an agent's request for a new certificate. If this function returns `true`, the shim must sign the
    /// certificate and send it within this event.
    pub fn certificate_renewed(
        &mut self,
        device: &Name,
        session: &str,
        present: &Credential<'_>,
        next: Renewed<'_>,
    ) -> Result<bool, Problem> {
        let outcome = self.renew(device, session, present, next).map_err(Failure::from);
        self.surface(outcome)
    }

    /// Handles a message from an agent. Messages are ignored unless they come from the device's current connection. The
    /// shim itself answers [`FromAgent::Time`].
    pub fn agent_message(&mut self, device: &Name, session: &str, message: FromAgent) {
        self.commands_only = !matches!(message, FromAgent::Hello { .. });
        let outcome = self.handle_agent_message(device, session, message);
        self.note(outcome);
    }

    /// Handles the end of an agent's socket. Commands in flight wait until their deadline, because the next hello can
    /// report their outcome.
    pub fn agent_closed(&mut self, device: &Name, session: &str) {
        let outcome = self.disconnect(device, session);
        self.note(outcome);
    }

    /// Does all work that is due. The shim can call it at any time and any number of times.
    pub fn tick(&mut self) {
        let outcome = self.do_what_is_due();
        self.note(outcome);
    }

    /// When [`Site::tick`] has work next, in milliseconds of Unix time; this time can be in the past. `armed` is the
    /// previous return value. Pass it if only commands and their results can have changed since then; this is the case
    /// after most events and saves the read. After a tick or an eviction, pass `None`.
    pub fn next_wake(&self, panels_open: bool, armed: Option<u64>) -> Result<Option<u64>, StoreError> {
        match armed {
            Some(armed) if self.commands_only => {
                Ok(Some(self.soonest.map_or(armed, |at_ms| at_ms.min(armed))))
            }
            _ => self.next_due(panels_open),
        }
    }

    /// Returns the collected effects and clears the list.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Converts a failure into a problem for the caller. For an error of the store, the caller receives `internal`, and
    /// the cause is only logged.
    fn surface<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Problem> {
        outcome.map_err(|failure| match failure {
            Failure::Problem(problem) => problem,
            Failure::Store(error) => {
                self.effects.push(Effect::Fault(error));
                Code::Internal.into()
            }
        })
    }

    fn note(&mut self, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            self.effects.push(Effect::Fault(error));
        }
    }

    fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.store.run(sql, params)
    }

    fn row(&self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.store.run(sql, params)?.into_iter().next())
    }
}
