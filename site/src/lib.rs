//! What one Pinlatch site decides: its devices, commands, people, sessions and audit log.
//!
//! There is no socket, clock, random number or key here. The shim around a site (a Durable Object, or a
//! test) opens it at each event with the time, tells it what happened, and then carries out the
//! [`Effect`]s that it leaves. A [`Site`] keeps nothing in memory from one event to the next: all of it is
//! behind a [`Store`], so hibernation and eviction lose nothing.
//!
//! The rules that hold throughout:
//! * A command is written down before it is sent, is sent once, and is answered once: by the device's
//!   report, or as unknown [`GRACE_MS`] after its deadline.
//! * Authority is computed at each use, from the token's scopes and the person's present role.
//! * A device's presence is computed from its open socket; the table knows only what was last published.
//! * Nothing that a caller or an agent sends fails the site.

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
#[cfg(any(test, feature = "native"))]
pub mod native;
mod outcome;
mod panel;
mod people;
mod principal;
mod schema;
mod sessions;
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
pub use crate::event::{CommandOrder, Effect, Event, Press, Whose, close};
pub use crate::links::Links;
pub use crate::outcome::GRACE_MS;
pub use crate::principal::Principal;
pub use crate::sessions::ROTATION_GRACE_MS;
pub use crate::store::{Row, Store, StoreError, Value};

/// What a site is told of its deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its own name. A principal of another site is refused.
    pub site: Name,
    /// How long after `exp` a token still counts, in seconds; the same as where signatures are checked.
    pub leeway_s: u64,
    /// How long the audit log is kept, in milliseconds.
    pub keep_audit_ms: u64,
}

impl Config {
    /// The defaults for a site.
    pub fn new(site: Name) -> Self {
        Self { site, leeway_s: 60, keep_audit_ms: 90 * 24 * 3_600_000 }
    }
}

/// One site at one event.
pub struct Site<'a> {
    store: &'a dyn Store,
    links: &'a dyn Links,
    config: &'a Config,
    now_ms: u64,
    generation: u64,
    seq_floor: u64,
    seq: Option<u64>,
    effects: Vec<Effect>,
    /// Whether this event did nothing that can be due sooner, but to order commands.
    commands_only: bool,
    /// When the first command that this event ordered is given up.
    soonest: Option<u64>,
}

impl<'a> Site<'a> {
    /// Opens the site at a time, in milliseconds of Unix time. In an empty or older database the tables
    /// are made; otherwise this is one read.
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

    /// Answers a question of the Worker, or says on which ticket the answer will come. What a refused call
    /// wrote (the audit log, an ended family) counts: commit it as after any other.
    pub fn call(&mut self, call: Call) -> Result<Answer, Problem> {
        self.commands_only = matches!(call, Call::Command { .. });
        let outcome = self.dispatch(call);
        self.surface(outcome)
    }

    /// A panel socket was opened: its first frame.
    pub fn panel_connected(&mut self, principal: &Principal) -> Result<ToPanel, Problem> {
        let outcome = self.snapshot(principal);
        self.surface(outcome)
    }

    /// A panel sent a message. `panel` names its socket in the effects that answer, now or later.
    pub fn panel_message(&mut self, principal: &Principal, panel: &str, message: FromPanel) {
        self.commands_only = true;
        self.hear_panel(principal, panel, message);
    }

    /// Whether a panel socket may stay open; if not, the shim closes it with [`close::SESSION_ENDED`].
    pub fn socket_authority(&mut self, principal: &Principal) -> Result<(), Problem> {
        let outcome = self.rights(principal).map(|_| ());
        self.surface(outcome)
    }

    /// What one panel may see of an event, [`Change::Hidden`](pinlatch_protocol::panel::Change::Hidden) if
    /// nothing; `None` if its token holds no more.
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

    /// What one panel may see of a press; `None` if nothing.
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

    /// An agent's upgrade, whose certificate and proof the Worker has verified. The key in the certificate must be the
    /// one that was enrolled, whoever signed the certificate. On `Ok` the shim accepts the socket within this event; an
    /// older connection of the device is closed. One that `yields` is refused instead where the older one lives.
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

    /// An agent asks for a certificate to follow the one that it showed. Where this says so, the shim signs it and
    /// sends it within this event.
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

    /// An agent sent a message. What does not come from the device's current connection is ignored, and
    /// [`FromAgent::Time`] is the shim's to answer.
    pub fn agent_message(&mut self, device: &Name, session: &str, message: FromAgent) {
        self.commands_only = !matches!(message, FromAgent::Hello { .. });
        let outcome = self.hear(device, session, message);
        self.note(outcome);
    }

    /// An agent's socket is gone. Commands in flight wait for their deadline: the next hello may tell.
    pub fn agent_closed(&mut self, device: &Name, session: &str) {
        let outcome = self.disconnect(device, session);
        self.note(outcome);
    }

    /// Does everything that is due. It may run at any time and any number of times.
    pub fn tick(&mut self) {
        let outcome = self.do_what_is_due();
        self.note(outcome);
    }

    /// When [`Site::tick`] next has work, in milliseconds of Unix time; possibly in the past. `armed` is what
    /// this said last, if nothing else than commands can have changed it since: most events are commands and
    /// their results, and then no read is needed. After a tick or an eviction it is `None`.
    pub fn next_wake(&self, panels_open: bool, armed: Option<u64>) -> Result<Option<u64>, StoreError> {
        match armed {
            Some(armed) if self.commands_only => {
                Ok(Some(self.soonest.map_or(armed, |at_ms| at_ms.min(armed))))
            }
            _ => self.next_due(panels_open),
        }
    }

    /// Takes the effects so far.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Turns what stopped a step into what its caller may know; a fault's cause goes to the log.
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
