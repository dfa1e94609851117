//! What the edge and a panel say to each other on `GET /api/v1/events`.

use serde::{Deserialize, Serialize};

use crate::api::Whoami;
use crate::command::{CommandRequest, CommandResult};
use crate::line::{Level, LineKind};
use crate::name::Name;
use crate::problem::Problem;

/// Panel to edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPanel {
    /// Runs one action.
    Command(CommandRequest),
}

/// Edge to panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPanel {
    /// The first frame: everything the caller may see.
    Snapshot {
        /// The sequence number of the last event that it contains.
        seq: u64,
        /// Edge time, milliseconds of Unix time.
        now_ms: u64,
        /// Who is looking, and what they may do.
        whoami: Whoami,
        /// The devices with their lines.
        devices: Vec<DeviceView>,
    },
    /// Something changed.
    Event {
        /// One more than the last event of this site; a gap means that a snapshot is due.
        seq: u64,
        /// When, milliseconds of Unix time at the edge.
        at_ms: u64,
        /// What.
        #[serde(flatten)]
        change: Change,
    },
    /// A contact was pressed. It has no number and is in no snapshot: it is told to those who are there, once.
    Press {
        /// When, milliseconds of Unix time.
        at_ms: u64,
        /// The device.
        device: Name,
        /// The contact on it.
        line: Name,
        /// Whether it was held for long.
        long: bool,
    },
    /// What became of a command that this socket sent.
    Result {
        /// The command's result.
        #[serde(flatten)]
        result: CommandResult,
    },
    /// A command that never became one (no right, unknown line, bad arguments, device offline).
    Problem {
        /// The id of the command that it answers, where one could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// What is wrong.
        problem: Problem,
    },
}

/// One change in a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A device is new, or said hello again.
    Device {
        /// The whole device.
        device: DeviceView,
    },
    /// A device was removed.
    Removed {
        /// Its name.
        device: Name,
    },
    /// A device came or went.
    Presence {
        /// Its name.
        device: Name,
        /// Whether it is there.
        online: bool,
        /// Its last sign of life.
        last_seen_ms: Option<u64>,
    },
    /// A line's reported or desired level changed.
    Line {
        /// The device.
        device: Name,
        /// The line as it is now.
        line: LineView,
    },
    /// Something that the caller may not see. It is told so that sequence numbers stay without gaps.
    Hidden,
}

/// A device as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its name.
    pub name: Name,
    /// Whether it is connected and has given a recent sign of life.
    pub online: bool,
    /// Its last sign of life, milliseconds of Unix time.
    pub last_seen_ms: Option<u64>,
    /// The agent's version.
    pub version: Option<String>,
    /// When its machine was started, milliseconds of Unix time.
    #[serde(default)]
    pub booted_ms: Option<u64>,
    /// By how much its own clock was ahead of the edge's when it connected, milliseconds; negative where it was behind.
    #[serde(default)]
    pub clock_ahead_ms: Option<i64>,
    /// Until when its certificate is good, seconds of Unix time.
    #[serde(default)]
    pub certificate_exp: Option<u64>,
    /// Its lines, in the order the device gave.
    pub lines: Vec<LineView>,
}

/// A line as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineView {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub kind: LineKind,
    /// The actions that the caller may run on it now.
    pub actions: Vec<String>,
    /// The level that the device last reported; a fact of that moment.
    pub reported: Option<Level>,
    /// The level that the owner last asked for, on `retain` lines only; a wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Level>,
    /// Whether the site keeps and restores the desired level.
    #[serde(default)]
    pub retain: bool,
    /// The longest time it may be on, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_on_ms: Option<u32>,
    /// What a sensor's number counts, such as `°C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How many decimals of a sensor's number mean something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<u8>,
    /// When `reported` last changed, milliseconds of Unix time.
    pub changed_ms: Option<u64>,
}
