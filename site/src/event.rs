//! Effects that the shim carries out, and the numbered events among them.

use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::{Change, ToPanel};
use pinlatch_protocol::problem::Problem;
use serde_json::{Map, Value};

use crate::Site;
use crate::principal::Principal;
use crate::store::StoreError;

/// WebSocket close codes, from the range that RFC 6455 reserves for applications.
pub mod close {
    /// The agent's hello was refused; the close reason contains the cause.
    pub const HELLO_REFUSED: u16 = 4400;
    /// The panel's token has expired or was revoked.
    pub const SESSION_ENDED: u16 = 4401;
    /// The device was removed, or enrolled again with another key.
    pub const NOT_ENROLLED: u16 = 4403;
    /// The agent gave no sign of life.
    pub const SILENT: u16 = 4408;
    /// A newer connection of the same device replaced this one.
    pub const REPLACED: u16 = 4409;
}

/// A command to sign and send.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandOrder {
    /// The id of the `cmd+jwt`.
    pub jti: String,
    /// The subject on whose behalf the command runs.
    pub sub: String,
    /// The line.
    pub line: Name,
    /// The action's name.
    pub action: String,
    /// The validated arguments.
    pub args: Map<String, Value>,
    /// The deadline: the command must not run after it. In milliseconds of Unix time.
    pub deadline_ms: u64,
}

/// A numbered change. [`Site::view_for`] reduces it to the part that one panel may see.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The sequence number: the previous event's plus one, also across restarts.
    pub seq: u64,
    /// Time, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The change, with all lines and all actions.
    pub change: Change,
}

/// A press of a contact, for the panels that are open now and may see it ([`Site::press_for`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Time, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The device.
    pub device: Name,
    /// The contact on it.
    pub line: Name,
    /// Whether this was a long press.
    pub long: bool,
}

/// Which panel sockets an effect applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelFilter {
    /// Sockets with a token of this refresh family.
    Family(String),
    /// Sockets with the token of this `jti`.
    Token(String),
    /// Sockets with a token of this person.
    Person(UserName),
    /// This socket.
    Panel(String),
    /// Every socket.
    All,
}

impl PanelFilter {
    /// Whether a panel socket is included.
    pub fn covers(&self, panel: &str, principal: &Principal) -> bool {
        match self {
            Self::Family(family) => principal.family.as_ref() == Some(family),
            Self::Token(jti) => principal.jti == *jti,
            Self::Person(person) => principal.person.as_ref() == Some(person),
            Self::Panel(own) => own == panel,
            Self::All => true,
        }
    }
}

/// An instruction to the shim. Effects are carried out in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Sign the order and send it to the device's socket of this session.
    Command {
        /// The device.
        device: Name,
        /// The connection's nonce.
        session: String,
        /// The command.
        order: CommandOrder,
    },
    /// Close an agent's socket.
    CloseAgent {
        /// The device.
        device: Name,
        /// The connection's nonce.
        session: String,
        /// One of [`close`].
        code: u16,
        /// A stable word.
        reason: &'static str,
    },
    /// Send a frame to one panel socket.
    ToPanel {
        /// The socket.
        panel: String,
        /// The frame.
        message: ToPanel,
    },
    /// Show an event to every panel socket, each through [`Site::view_for`].
    Publish(Event),
    /// Show a press to every panel socket, each through [`Site::press_for`].
    Press(Press),
    /// Close panel sockets.
    ClosePanels {
        /// The sockets to close.
        whose: PanelFilter,
        /// One of [`close`].
        code: u16,
        /// A stable word.
        reason: &'static str,
    },
    /// Check every panel socket's permission to stay open ([`Site::socket_authority`]), and close those that fail.
    Review,
    /// Answer every request that waits for a ticket. There may be no such request.
    Answer {
        /// The ticket.
        ticket: i64,
        /// The answer.
        result: Result<CommandResult, Problem>,
    },
    /// Log an error of the store. The caller, if any, has received an `internal` problem.
    Fault(StoreError),
}

impl Site<'_> {
    /// The sequence number of the last event. There is no counter: an event's number is written into the row that
    /// changed anyway, and the highest of them is the last. Lines are scanned, not indexed: reading hundreds of rows
    /// costs less than writing one more.
    pub(crate) fn last_seq(&mut self) -> Result<u64, StoreError> {
        if let Some(seq) = self.seq {
            return Ok(seq);
        }
        let sql = "SELECT (SELECT max(seq) FROM devices), (SELECT max(seq) FROM lines)";
        let stored = match self.row(sql, &[])? {
            Some(row) => row.opt_uint(0)?.max(row.opt_uint(1)?).unwrap_or(0),
            None => 0,
        };
        let seq = stored.max(self.seq_floor);
        self.seq = Some(seq);
        Ok(seq)
    }

    /// The number of the next event. The caller writes it into the row that changed.
    pub(crate) fn next_seq(&mut self) -> Result<u64, StoreError> {
        let seq = self.last_seq()? + 1;
        self.seq = Some(seq);
        Ok(seq)
    }

    pub(crate) fn publish(&mut self, seq: u64, change: Change) {
        self.effects.push(Effect::Publish(Event { seq, at_ms: self.now_ms, change }));
    }
}
