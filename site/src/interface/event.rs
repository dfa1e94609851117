//! Defines the effects that the Durable Object carries out, and the numbered events that are published to panels.

use pinlatch_protocol::command::{CommandResult, SignedCall};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::{Change, ToPanel};
use pinlatch_protocol::problem::Problem;
use serde_json::{Map, Value};

use crate::database::store::StoreError;
use crate::interface::call::CallResult;
use crate::interface::principal::Principal;

/// A command that the Durable Object must sign and send to a device.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandOrder {
    /// The id (`jti`) of the `cmd+jwt`.
    pub jti: String,
    /// The subject that requested the command.
    pub sub: String,
    /// The name of the GPIO line.
    pub line: Name,
    /// The name of the action.
    pub action: String,
    /// The validated arguments of the action.
    pub args: Map<String, Value>,
    /// The deadline of the command, in milliseconds of Unix time. The device must not run the command after its
    /// deadline.
    pub deadline_ms: u64,
    /// The holder's call that the command carries. The site does not store it.
    pub call: Option<SignedCall>,
}

/// A change in the site, with a sequence number. `Site::view_for` reduces the change to the part that one panel can
/// see.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The sequence number of the event. Each sequence number is one higher than the previous sequence number, even
    /// after a restart.
    pub seq: u64,
    /// When the change happened, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The change, as seen by a caller with all permissions.
    pub change: Change,
    /// The panels that can see the change. The permissions of a panel further limit what it can see.
    pub audience: Audience,
}

/// The panels that can see an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// All panels.
    All,
    /// Only panels that can see who sends commands, because nothing else has changed.
    SeesSenders,
}

/// The part of an event that one panel can see.
#[derive(Debug, Clone, PartialEq)]
pub enum PanelView {
    /// The Durable Object must send this frame now.
    Now(ToPanel),
    /// The panel can see no part of the event. The site reports the event later, with [`Effect::ToPanel`].
    Later,
    /// The panel's token is no longer valid, or the database failed.
    Ended,
}

/// The press of a contact, for example of a button. The site sends the press to all open panels that are allowed to see
/// the contact (`Site::press_for`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// When the contact was pressed, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The name of the device.
    pub device: Name,
    /// The name of the contact on the device.
    pub line: Name,
    /// Whether the press was a long press.
    pub long: bool,
}

/// A question to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The id of the question, which the Worker generated.
    pub id: String,
    /// The name of the device.
    pub device: Name,
    /// What the device is asked for.
    pub wanted: Wanted,
}

/// What a device is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A signed reading of a line.
    Reading {
        /// The name of the line on the device.
        line: Name,
        /// The nonce of the caller, which the device copies into its reading.
        nonce: Option<String>,
    },
    /// A challenge for a holder's call.
    Challenge,
}

/// The signed reading of a level change. The site sends the reading to all open panels that are allowed to see the line
/// (`Site::reading_for`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReading {
    /// When the site received the reading, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The name of the device.
    pub device: Name,
    /// The name of the line on the device.
    pub line: Name,
    /// The reading, a `reading+jwt`.
    pub jwt: String,
}

/// The panel WebSockets to which an effect applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelFilter {
    /// All panel WebSockets with a token of this login.
    Family(String),
    /// All panel WebSockets with the token that has this `jti`.
    Token(String),
    /// All panel WebSockets with a token of this person.
    Person(UserName),
    /// The panel WebSocket with this id.
    Panel(String),
    /// All panel WebSockets of the site.
    All,
}

impl PanelFilter {
    /// Returns whether the filter includes a panel WebSocket.
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

/// An instruction from the site to the Durable Object. The Durable Object must carry out effects in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Sign a command, and send the signed command on the agent's WebSocket with this session nonce.
    Command {
        /// The name of the device.
        device: Name,
        /// The session nonce of the connection.
        session: String,
        /// The command to sign and send.
        order: CommandOrder,
    },
    /// Close the WebSocket of an agent.
    CloseAgent {
        /// The name of the device.
        device: Name,
        /// The session nonce of the connection.
        session: String,
        /// A close code from [`pinlatch_protocol::close`].
        code: u16,
        /// The reason for closing the WebSocket, as a stable code.
        reason: &'static str,
    },
    /// Send a frame to one panel.
    ToPanel {
        /// The id of the panel's WebSocket.
        panel: String,
        /// The frame to send.
        message: ToPanel,
    },
    /// Send a frame to one or more panels. The frame contains only data that each of these panels is allowed to see.
    ToPanels {
        /// The panel WebSockets that get the frame.
        whose: PanelFilter,
        /// The frame to send.
        message: ToPanel,
    },
    /// Send an event to every panel. `Site::view_for` filters the event for each panel.
    Publish(Event),
    /// Send the press of a contact to every panel that is allowed to see the contact (`Site::press_for`).
    Press(Press),
    /// Send the signed reading of a level change to every panel that is allowed to see the line (`Site::reading_for`).
    SignedChange(LineReading),
    /// Ask a device for a signed reading or a challenge, on the agent's WebSocket with this session nonce.
    Ask {
        /// The session nonce of the connection.
        session: String,
        /// The question.
        question: Question,
    },
    /// Answer the HTTP call that waits for the answer of this device to a question. Possibly no call waits, because calls
    /// wait for a limited time.
    Answered {
        /// The name of the device that has answered.
        device: Name,
        /// The id of the question.
        id: String,
        /// The answer for the waiting call.
        result: CallResult,
    },
    /// Close the WebSockets of one or more panels.
    ClosePanels {
        /// The panel WebSockets to close.
        whose: PanelFilter,
        /// A close code from [`pinlatch_protocol::close`].
        code: u16,
        /// The reason for closing the WebSockets, as a stable code.
        reason: &'static str,
    },
    /// Check with `Site::socket_authority` whether the token of each panel is still valid, and close the WebSocket of
    /// each panel whose token is invalid.
    Review,
    /// Answer every HTTP call that waits for this ticket. The number of waiting calls can be zero.
    Answer {
        /// The ticket of the command.
        ticket: i64,
        /// The answer for the waiting calls.
        result: Result<CommandResult, Problem>,
    },
    /// Log a database error. A caller that was waiting for an answer has received an `internal` problem.
    Fault(StoreError),
}
