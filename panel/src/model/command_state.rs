//! The state of a line's commands: pending, answered; and its presses and pulses.

use pinlatch_protocol::command::{CommandStatus, DEFAULT_DEADLINE_MS};
use pinlatch_protocol::line::Action;
use pinlatch_protocol::problem::{Code, Problem};

use crate::link::SocketId;

/// The panel waits for an answer until this long after the command's deadline.
const ANSWER_GRACE_MS: u64 = 2_000;

/// How long a command may wait for a socket. Later it is not sent: a tap while disconnected must not act at an
/// unexpected time.
const UNSENT_MOST_MS: u64 = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    pub id: String,
    pub action: Action,
    /// Milliseconds of the panel's clock.
    pub asked_ms: u64,
    /// `None` before it was sent.
    pub(super) sent_on: Option<SocketId>,
}

impl Pending {
    /// The remaining time until the deadline. Zero if the clock was set back: in doubt, a door must not open.
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

/// Result of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandOutcome {
    Executed,
    /// The device refused, with this code.
    Refused(String),
    /// The deadline passed; the command will not run.
    Expired,
    /// Sent to the device, no answer: the command may have run.
    Unknown,
    /// The edge did not answer in time: the command may have run.
    NoAnswer,
    /// The link was lost before the command was sent: it did not run.
    NotSent,
    /// The edge never received the command: it did not run.
    NotArrived,
    Offline,
    /// The edge refused the command.
    Denied(Problem),
}

impl CommandOutcome {
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

/// The last command on a line that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub id: String,
    pub action: Action,
    pub outcome: CommandOutcome,
    /// Milliseconds of the panel's clock.
    pub(super) asked_ms: u64,
    /// Whether the edge must still be asked for the result.
    pub(super) needs_status_query: bool,
}

/// The pending command of one line, and the answer to the last one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CommandState {
    pub pending: Option<Pending>,
    pub answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressed {
    /// Whether it was a long press.
    pub long: bool,
    /// Number of presses of this contact; distinguishes equal presses.
    pub count: u32,
    /// Time of receipt, milliseconds of the panel's clock.
    pub(super) told_ms: u64,
}

/// The running pulse of a momentary line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Full length, milliseconds.
    pub ms: u32,
    /// Elapsed time, milliseconds.
    pub gone_ms: u32,
    /// Whether this panel requested the pulse. Otherwise `ms` is the line's limit, not the actual length.
    pub own: bool,
}
