//! Defines a site that is open for one event. The other modules add the functions that read and change its state.

use std::collections::BTreeMap;
use std::rc::Rc;

use pinlatch_protocol::agent::FromAgent;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{FromPanel, ToPanel};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::ScopeSet;

use crate::database::schema::{self, Meta};
use crate::database::store::{Row, Store, StoreError, Value};
use crate::interface::call::{Answer, Call};
use crate::interface::credential::{Credential, Renewed};
use crate::interface::event::{Effect, Event, LineReading, PanelView, Press};
use crate::interface::failure::Failure;
use crate::interface::links::Links;
use crate::interface::principal::Principal;

/// The configuration of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The name of the site. The site refuses the tokens of other sites.
    pub site: Name,
    /// How long a token is still accepted after its `exp`, in seconds. The leeway of the site must equal the leeway
    /// with which the Worker checks tokens.
    pub leeway_s: u64,
    /// How long audit entries are stored by default, in milliseconds.
    pub keep_audit_ms: u64,
    /// How long a login can last, however often it is refreshed, in milliseconds.
    pub max_login_ms: u64,
    /// The scopes of each external issuer of the site. Everything that the tokens of an issuer gave is limited to the
    /// present scopes of the issuer, and ends when the issuer is removed.
    pub issuers: Rc<BTreeMap<String, ScopeSet>>,
}

/// The length of a day, in milliseconds.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

impl Config {
    /// Returns the default configuration for the site with this name.
    pub fn new(site: Name) -> Self {
        Self {
            site,
            leeway_s: 60,
            keep_audit_ms: 90 * DAY_MS,
            max_login_ms: 90 * DAY_MS,
            issuers: Rc::default(),
        }
    }
}

/// A site that is open for one event.
pub struct Site<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) links: &'a dyn Links,
    pub(crate) config: &'a Config,
    pub(crate) now_ms: u64,
    pub(crate) generation: u64,
    pub(crate) seq_floor: u64,
    pub(crate) seq: Option<u64>,
    pub(crate) effects: Vec<Effect>,
    /// Whether the commands that this event sent are the only possible reason for an earlier wake-up.
    pub(crate) commands_only: bool,
    /// The earliest time at which the site gives up a command that this event sent, in milliseconds of Unix time.
    pub(crate) soonest: Option<u64>,
}

impl<'a> Site<'a> {
    /// Opens the site at `now_ms`, in milliseconds of Unix time. This function creates the tables of an empty database
    /// and upgrades the tables of an older database. If the database is current, this function makes a single read.
    pub fn open(
        store: &'a dyn Store,
        links: &'a dyn Links,
        config: &'a Config,
        now_ms: u64,
    ) -> Result<Self, StoreError> {
        let Meta { generation, seq } = schema::open(store)?;
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

    /// Handles a call from the Worker. This function returns the answer, or a ticket if the answer follows later. The
    /// Durable Object must also commit the database writes of a refused call. For example, a refused call can write
    /// audit entries or end logins.
    pub fn call(&mut self, call: Call) -> Result<Answer, Problem> {
        self.commands_only = matches!(call, Call::Command { .. });
        let outcome = self.dispatch(call);
        self.surface(outcome)
    }

    /// Checks that a panel can open a WebSocket, and returns the tags with which the Durable Object must accept the
    /// WebSocket. The tags count the open WebSockets of the caller, and of the person or issuer who gave the token.
    pub fn panel_tags(&mut self, principal: &Principal) -> Result<[String; 2], Problem> {
        let outcome = self.require_socket(principal);
        self.surface(outcome)
    }

    /// Handles the new WebSocket of a panel, and returns the first frame for the new WebSocket.
    pub fn panel_connected(&mut self, principal: &Principal) -> Result<ToPanel, Problem> {
        let outcome = self.snapshot(principal);
        self.surface(outcome)
    }

    /// Handles a message from a panel. The effects that answer the message contain `panel`, the id of the panel's
    /// WebSocket. The result is whether the message caused a new command.
    pub fn panel_message(&mut self, principal: &Principal, panel: &str, message: FromPanel) -> bool {
        self.commands_only = true;
        self.handle_panel_message(principal, panel, message);
        self.has_new_command()
    }

    /// Returns whether the current event caused a new command.
    pub fn has_new_command(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Command { .. }))
    }

    /// Checks that the token of a panel is still valid. If the token is invalid, the Durable Object must close the
    /// panel's WebSocket with [`pinlatch_protocol::close::SESSION_ENDED`].
    pub fn socket_authority(&mut self, principal: &Principal) -> Result<(), Problem> {
        let outcome = self.rights(principal).map(|_| ());
        self.surface(outcome)
    }

    /// Returns the part of an event that the panel with this WebSocket id can see. The Durable Object must call this
    /// function once for each panel and event, in the order of the events.
    pub fn view_for(&mut self, panel: &str, principal: &Principal, event: &Event) -> PanelView {
        match self.restrict(panel, principal, event) {
            Ok(view) => view,
            Err(Failure::Problem(_)) => PanelView::Ended,
            Err(Failure::Store(error)) => {
                self.effects.push(Effect::Fault(error));
                PanelView::Ended
            }
        }
    }

    /// Returns the frame for the press of a contact, or `None` if the panel is not allowed to see the contact.
    pub fn press_for(&mut self, principal: &Principal, press: &Press) -> Option<ToPanel> {
        let seen = self.see_press(principal, press);
        self.seen(seen)
    }

    fn seen(&mut self, frame: Result<Option<ToPanel>, Failure>) -> Option<ToPanel> {
        match frame {
            Ok(frame) => frame,
            Err(Failure::Problem(_)) => None,
            Err(Failure::Store(error)) => {
                self.effects.push(Effect::Fault(error));
                None
            }
        }
    }

    /// Returns the frame for the signed reading of a level change, or `None` if the panel is not allowed to see the line.
    pub fn reading_for(&mut self, principal: &Principal, reading: &LineReading) -> Option<ToPanel> {
        let seen = self.see_reading(principal, reading);
        self.seen(seen)
    }

    /// Handles the WebSocket upgrade of an agent. The Worker has verified the agent's certificate and proof. The key in
    /// the certificate must be the enrolled key of the device, whichever edge key signed the certificate. If the result
    /// is `Ok`, the Durable Object must accept the WebSocket within the current event. If the result is `Ok`, an older
    /// connection of the same device is closed. If `yields` is set and an older connection is still active, the
    /// WebSocket upgrade is refused.
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

    /// Handles an agent's request for a new certificate. If the result is `true`, the Durable Object must sign and send
    /// the new certificate within the current event.
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

    /// Handles a message from an agent. A message is ignored if the message does not arrive on the device's current
    /// connection. The Durable Object itself answers [`FromAgent::Time`] messages.
    pub fn agent_message(&mut self, device: &Name, session: &str, message: FromAgent) {
        self.commands_only = !matches!(message, FromAgent::Hello { .. });
        let outcome = self.handle_agent_message(device, session, message);
        self.note(outcome);
    }

    /// Handles the end of an agent's WebSocket. Commands in flight wait until their deadline, because the next `hello`
    /// message can report their outcome.
    pub fn agent_closed(&mut self, device: &Name, session: &str) {
        let outcome = self.disconnect(device, session);
        self.note(outcome);
    }

    /// Does all work that is due now. The Durable Object can call this function at any time and any number of times.
    pub fn tick(&mut self) {
        let outcome = self.do_what_is_due();
        self.note(outcome);
    }

    /// Returns the time at which [`Site::tick`] has work next, in milliseconds of Unix time. The returned time can be
    /// in the past. `armed` is the previous return value. After an event with only commands or their results, this
    /// function uses `armed` and saves a database read. After a tick or an eviction, the Durable Object must pass
    /// `None`.
    pub fn next_wake(&self, panels_open: bool, armed: Option<u64>) -> Result<Option<u64>, StoreError> {
        match armed {
            Some(armed) if self.commands_only => {
                Ok(Some(self.soonest.map_or(armed, |at_ms| at_ms.min(armed))))
            }
            _ => self.next_due(panels_open),
        }
    }

    /// Returns the collected effects, and clears the list of effects.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Converts a failure into a problem for the caller. After a database error, the caller receives the problem
    /// `internal`, and the cause is only logged.
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

    pub(crate) fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.store.run(sql, params)
    }

    pub(crate) fn row(&self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.store.run(sql, params)?.into_iter().next())
    }
}
