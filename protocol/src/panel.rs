//! Messages between the edge and a panel on `GET /api/v1/events`.

use serde::{Deserialize, Serialize};

use crate::api::Whoami;
use crate::command::{CommandRequest, CommandResult};
use crate::line::{Level, LineKind};
use crate::name::Name;
use crate::problem::Problem;

/// Messages from a panel to the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPanel {
    /// Runs one action.
    Command(CommandRequest),
}

/// Messages from the edge to a panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPanel {
    /// The first frame. It contains everything that the caller can see.
    Snapshot {
        /// The sequence number of the last event that the snapshot contains.
        seq: u64,
        /// Edge time, in milliseconds of Unix time.
        now_ms: u64,
        /// The caller and its permissions.
        whoami: Whoami,
        /// The devices with their lines.
        devices: Vec<DeviceView>,
    },
    /// A change in the site.
    Event {
        /// The sequence number. It is one higher than the number of the site's previous event. After a gap, the panel
        /// needs a new snapshot.
        seq: u64,
        /// Time of the event, in milliseconds of Unix time, by the clock of the edge.
        at_ms: u64,
        /// The change.
        #[serde(flatten)]
        change: Change,
    },
    /// A contact was pressed. A press is sent once, and only to connected panels. It has no sequence number and is not
    /// part of snapshots.
    Press {
        /// Time of the event, in milliseconds of Unix time.
        at_ms: u64,
        /// The device.
        device: Name,
        /// The contact on the device.
        line: Name,
        /// Whether it was a long press.
        long: bool,
    },
    /// The result of a command that this socket sent.
    Result {
        /// The command's result.
        #[serde(flatten)]
        result: CommandResult,
    },
    /// A command was rejected, for example because of a missing permission, an unknown line, bad arguments or an
    /// offline device.
    Problem {
        /// The id of the rejected command, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The problem.
        problem: Problem,
    },
}

/// One change in a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A device was enrolled, or it has connected again.
    Device {
        /// The complete device.
        device: DeviceView,
    },
    /// A device was removed.
    Removed {
        /// The device's name.
        device: Name,
    },
    /// A device connected or disconnected.
    Presence {
        /// The device's name.
        device: Name,
        /// Whether it is connected.
        online: bool,
        /// When it was last seen, in milliseconds of Unix time.
        last_seen_ms: Option<u64>,
    },
    /// A line's reported or desired level changed.
    Line {
        /// The device.
        device: Name,
        /// The line's new state.
        line: LineView,
    },
    /// A change that the caller is not allowed to see. It is sent so that the sequence numbers have no gaps.
    Hidden,
}

/// A device as shown to a caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    /// The device's name.
    pub name: Name,
    /// Whether the device is connected and gave a recent sign of life.
    pub online: bool,
    /// When it was last seen, in milliseconds of Unix time.
    pub last_seen_ms: Option<u64>,
    /// The agent's version.
    pub version: Option<String>,
    /// When the device's machine started, in milliseconds of Unix time.
    #[serde(default)]
    pub booted_ms: Option<u64>,
    /// The machine's clock minus the edge time when the device connected, in milliseconds. Negative if the machine's
    /// clock was behind.
    #[serde(default)]
    pub clock_ahead_ms: Option<i64>,
    /// When the device's certificate expires, in seconds of Unix time.
    #[serde(default)]
    pub certificate_exp: Option<u64>,
    /// The device's lines, in the order in which the device reported them.
    pub lines: Vec<LineView>,
}

/// A line as shown to a caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineView {
    /// The line's name.
    pub name: Name,
    /// The line's kind.
    pub kind: LineKind,
    /// The actions that the caller can run on the line now.
    pub actions: Vec<String>,
    /// The level that the device last reported. The actual level can have changed since then.
    pub reported: Option<Level>,
    /// The desired level that was last requested. Only `retain` lines have a desired level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Level>,
    /// Whether the site stores the desired level and restores it when the device connects.
    #[serde(default)]
    pub retain: bool,
    /// The longest time that the line can be on, in milliseconds; absent if unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_on_ms: Option<u32>,
    /// A sensor's unit, such as `°C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The number of significant decimals of a sensor's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<u8>,
    /// When `reported` last changed, in milliseconds of Unix time.
    pub changed_ms: Option<u64>,
}
