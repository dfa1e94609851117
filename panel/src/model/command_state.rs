//! What was said about a line: commands under way and how they ended, presses and pulses.

use pinlatch_protocol::command::{CommandStatus, DEFAULT_DEADLINE_MS};
use pinlatch_protocol::line::Action;
use pinlatch_protocol::problem::{Code, Problem};

use crate::link::SocketId;

/// How long after a command's deadline its answer may still come before the panel stops waiting.
const ANSWER_GRACE_MS: u64 = 2_000;

/// How long a command may wait for a socket. After that it is not sent any more: what was tapped while the link was
/// coming back must not happen when nobody thinks of it.
const UNSENT_MOST_MS: u64 = 1_000;

/// A command whose answer is awaited.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub action: Action,
    /// When, milliseconds of the panel's clock.
    pub asked_ms: u64,
    /// The socket it was last sent on.
    pub(super) sent_on: Option<SocketId>,
}

impl Pending {
    /// What is left of the deadline. A clock that was set back leaves nothing: a door must not open on a doubt.
    pub(super) fn left_ms(&self, now_ms: u64) -> u64 {
        let age = now_ms.checked_sub(self.asked_ms).unwrap_or(DEFAULT_DEADLINE_MS);
        DEFAULT_DEADLINE_MS.saturating_sub(age)
    }

    pub(super) fn overdue(&self, now_ms: u64) -> bool {
        let most =
            if self.sent_on.is_some() { DEFAULT_DEADLINE_MS + ANSWER_GRACE_MS } else { UNSENT_MOST_MS };
        now_ms < self.asked_ms || now_ms - self.asked_ms >= most
    }
}

/// How a command ended, as far as the panel knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The device did it.
    Executed,
    /// The device would not, for the reason of this code.
    Refused(String),
    /// The deadline passed first; it will not be done.
    Expired,
    /// The device was told and did not answer: it may have been done.
    Unknown,
    /// The edge did not answer in time: it may have been done.
    NoAnswer,
    /// The link was lost before the edge had it: it was not done.
    NotSent,
    /// The edge says that it never had it: nothing has been done.
    NotArrived,
    /// The device is not connected.
    Offline,
    /// The edge would not take the command.
    Denied(Problem),
}

impl Outcome {
    pub(super) fn of(status: CommandStatus, code: Option<&str>) -> Option<Self> {
        match status {
            CommandStatus::Accepted | CommandStatus::Delivered => None,
            CommandStatus::Executed => Some(Self::Executed),
            CommandStatus::Refused if code == Some(Code::DeviceOffline.as_str()) => Some(Self::Offline),
            CommandStatus::Refused => Some(Self::Refused(code.unwrap_or("refused").to_owned())),
            CommandStatus::Expired => Some(Self::Expired),
            CommandStatus::Unknown => Some(Self::Unknown),
        }
    }

    pub(super) fn of_problem(problem: Problem) -> Self {
        if problem.is(Code::DeviceOffline) {
            Self::Offline
        } else if problem.is(Code::DeadlinePassed) {
            Self::Expired
        } else if problem.is(Code::OutcomeUnknown) {
            Self::Unknown
        } else if problem.code.starts_with(Code::Refused.as_str()) {
            Self::Refused(problem.code)
        } else {
            Self::Denied(problem)
        }
    }
}

/// The last command on a line that came to an end.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was asked for, milliseconds of the panel's clock.
    pub(super) asked_ms: u64,
    /// Whether the edge is still to be asked how it really ended.
    pub(super) to_learn: bool,
}

/// What was said about one line: the command under way, and the last one before it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CommandState {
    /// Under way.
    pub pending: Option<Pending>,
    /// Ended.
    pub answer: Option<Answer>,
}

/// A press of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressed {
    /// Whether it was held for long.
    pub long: bool,
    /// How many have been told of this contact: tells one from the next.
    pub count: u32,
    /// When it was told, milliseconds of the panel's clock.
    pub(super) told_ms: u64,
}

/// How long a momentary line that is on may stay so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The whole time in milliseconds.
    pub ms: u32,
    /// How much of it has gone by.
    pub gone_ms: u32,
    /// Whether this is the pulse that was asked for here. Of another's only the limit is known.
    pub own: bool,
}
