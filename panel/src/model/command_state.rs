//! The state of the commands, the presses and the pulses of a line.

use pinlatch_protocol::command::{CommandStatus, DEFAULT_DEADLINE_MS};
use pinlatch_protocol::line::Action;
use pinlatch_protocol::problem::{Code, Problem};

use crate::link::SocketId;

/// The time for which the panel waits for an answer after the deadline of a command, in milliseconds.
const ANSWER_GRACE_MS: u64 = 2_000;

/// The time between the first two queries of a result in doubt, in milliseconds. The time doubles with every query.
const FIRST_QUERY_MS: u64 = 2_000;
/// The maximum time between two queries of a result in doubt, in milliseconds.
const MOST_QUERY_MS: u64 = 60_000;

/// The maximum time for which a command waits for a socket, in milliseconds. After this time the command is not sent,
/// because a tap without a connection must not take effect at an unexpected time.
const UNSENT_MOST_MS: u64 = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    pub id: String,
    pub action: Action,
    /// The time of the request, in milliseconds of the panel's clock.
    pub asked_ms: u64,
    /// The socket on which the command was sent, or `None` if the command was not sent yet.
    pub(super) sent_on: Option<SocketId>,
}

impl Pending {
    /// Returns the remaining time until the deadline, in milliseconds. Returns zero if the clock was set back, because
    /// an expired command must not open a door.
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

/// The result of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandOutcome {
    Executed,
    /// The device refused the command with this code.
    Refused(String),
    /// The deadline passed, so the command was not executed.
    Expired,
    /// The command was sent to the device, but the device did not answer. The command may have been executed.
    Unknown,
    /// The edge did not answer in time. The command may have been executed.
    NoAnswer,
    /// The connection was lost before the command was sent, so the command was not executed.
    NotSent,
    /// The edge never received the command, so the command was not executed.
    NotArrived,
    Offline,
    /// The edge refused the command.
    Denied(Problem),
}

impl CommandOutcome {
    /// Whether the command may have been executed.
    pub fn is_doubt(&self) -> bool {
        matches!(self, Self::Unknown | Self::NoAnswer)
    }

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

/// The last command on a line that has ended, with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub id: String,
    pub action: Action,
    pub outcome: CommandOutcome,
    /// The time of the request, in milliseconds of the panel's clock.
    pub(super) asked_ms: u64,
    /// Whether the result was in doubt before, and a late report of the device ended the doubt.
    pub late: bool,
    /// The queries of the result from the edge, while the result is in doubt.
    pub(super) queries: Queries,
}

/// The schedule of the queries with which the panel ends the doubt about a command. The edge learns the result when the
/// device answers at last, which can be seconds or hours later.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Queries {
    /// Whether a query is due at once.
    pub due: bool,
    /// Whether the edge no longer knows the command.
    pub ended: bool,
    count: u32,
    last_ms: u64,
}

impl Queries {
    /// `due` is whether the first query is due at once.
    pub fn from(due: bool) -> Self {
        Self { due, ..Self::default() }
    }

    /// Returns whether a query must be sent now, and counts the query.
    pub fn take(&mut self, now_ms: u64) -> bool {
        let wait_ms = FIRST_QUERY_MS.saturating_mul(1 << self.count.min(8)).min(MOST_QUERY_MS);
        let waited = now_ms.saturating_sub(self.last_ms) >= wait_ms;
        if self.ended || !(self.due || waited) {
            return false;
        }
        (self.due, self.last_ms, self.count) = (false, now_ms, self.count + 1);
        true
    }
}

/// The pending command of a line, and the answer to the last command that has ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CommandState {
    pub pending: Option<Pending>,
    pub answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressed {
    /// Whether the press was long.
    pub long: bool,
    /// The number of presses, counted from the last time at which no press was shown.
    pub count: u32,
    /// The time of receipt, in milliseconds of the panel's clock.
    pub(super) told_ms: u64,
}

/// A reported level with a scheduled end, for example a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The full length of the pulse, in milliseconds.
    pub ms: u32,
    /// The elapsed time of the pulse, in milliseconds.
    pub gone_ms: u32,
}
