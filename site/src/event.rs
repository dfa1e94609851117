//! The effects that the shim carries out, and the numbered events that some effects publish.

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
    /// The agent's hello was refused. The close reason contains the cause.
    pub const HELLO_REFUSED: u16 = 4400;
    /// The panel's token has expired or was revoked.
    pub const SESSION_ENDED: u16 = 4401;
    /// The device was removed, or it was enrolled again with another key.
    pub const NOT_ENROLLED: u16 = 4403;
    /// The agent gave no sign of life.
    pub const SILENT: u16 = 4408;
    /// A newer connection of the same device replaced this one.
    pub const REPLACED: u16 = 4409;
}

/// A command that the shim must sign and send.
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
    /// The deadline, in milliseconds of Unix time. The device must not run the command after this time.
    pub deadline_ms: u64,
}

/// A change with a sequence number. [`Site::view_for`] reduces the change to the part that one panel can see.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The sequence number. It is one higher than the number of the previous event, also after a restart.
    pub seq: u64,
    /// Time, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The change, for a caller with all permissions.
    pub change: Change,
}

/// A press of a contact. It is sent to the panels that are open now and can see the contact ([`Site::press_for`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Time, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The device.
    pub device: Name,
    /// The contact on the device.
    pub line: Name,
    /// Whether this was a long press.
    pub long: bool,
}

/// The panel sockets that an effect applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelFilter {
    /// Sockets with a token of this login.
    Family(String),
    /// The sockets with the token that has this `jti`.
    Token(String),
    /// Sockets with a token of this person.
    Person(UserName),
    /// The socket with this id.
    Panel(String),
    /// All sockets.
    All,
}

impl PanelFilter {
    /// Whether the filter includes a panel socket.
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

/// An instruction for the shim. The shim must carry out effects in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Sign the command and send it to the device's socket with this session.
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
        /// The reason, as a stable code.
        reason: &'static str,
    },
    /// Send a frame to one panel socket.
    ToPanel {
        /// The socket.
        panel: String,
        /// The frame.
        message: ToPanel,
    },
    /// Send an event to every panel socket, filtered for each socket with [`Site::view_for`].
    Publish(Event),
    /// Send a press to every panel socket that can see it ([`Site::press_for`]).
    Press(Press),
    /// Close panel sockets.
    ClosePanels {
        /// The sockets to close.
        whose: PanelFilter,
        /// One of [`close`].
        code: u16,
        /// The reason, as a stable code.
        reason: &'static str,
    },
    /// Check with [`Site::socket_authority`] whether each panel socket is still allowed, and close the sockets that are
    /// not.
    Review,
    /// Answer every request that waits for this ticket. It is possible that no request waits.
    Answer {
        /// The ticket.
        ticket: i64,
        /// The answer.
        result: Result<CommandResult, Problem>,
    },
    /// Log an error of the store. If a caller waits, the caller has received an `internal` problem.
    Fault(StoreError),
}

impl Site<'_> {
    /// The sequence number of the last event. It is not stored as a counter: each event's number is written into the
    /// row that changed, and the highest number in the tables is the last. The rows are scanned without an index,
    /// because reading hundreds of rows costs less than one more write.
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

    /// The sequence number of the next event. The caller must write this number into the row that changed.
    pub(crate) fn next_seq(&mut self) -> Result<u64, StoreError> {
        let seq = self.last_seq()? + 1;
        self.seq = Some(seq);
        Ok(seq)
    }

    pub(crate) fn publish(&mut self, seq: u64, change: Change) {
        self.effects.push(Effect::Publish(Event { seq, at_ms: self.now_ms, change }));
    }
}
