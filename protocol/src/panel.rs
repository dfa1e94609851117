//! This module defines the messages between the edge and a panel on the WebSocket `GET /api/v1/events`.

use serde::{Deserialize, Serialize};

#[cfg(test)]
use crate::agent::MAX_STATEMENT;
use crate::api::Whoami;
use crate::command::{CommandRequest, CommandResult, LastCommand};
use crate::line::{Authority, Level, LineKind, is_false};
#[cfg(test)]
use crate::line::{MAX_PRECISION, MAX_UNIT};
use crate::name::Name;
use crate::problem::Problem;

/// Messages that a panel sends to the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPanel {
    /// Requests one action on a GPIO line.
    Command(CommandRequest),
}

/// Messages that the edge sends to a panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPanel {
    /// The first message on a connection. The snapshot contains all devices and lines that the caller is allowed to
    /// see.
    Snapshot {
        /// The sequence number of the last event that the snapshot includes.
        seq: u64,
        /// The edge time, in milliseconds of Unix time.
        now_ms: u64,
        /// The caller's identity and permissions.
        whoami: Box<Whoami>,
        /// The devices with their GPIO lines.
        devices: Vec<DeviceView>,
    },
    /// Reports one change in the site.
    Event {
        /// The sequence number of the event, which is one higher than the number of the site's previous event. If a
        /// number is missing and `after` does not explain this, the panel needs a new snapshot.
        seq: u64,
        /// The caller is not allowed to see the events with the numbers between `after` and `seq`. The field is absent
        /// if there are no such events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        /// The time of the event by the edge's clock, in milliseconds of Unix time.
        at_ms: u64,
        /// The change that the event reports.
        #[serde(flatten)]
        change: Change,
    },
    /// Reports that the button of a contact line was pressed. The site sends each press once, and only to panels that
    /// are connected when the press arrives. A press has no sequence number and is not part of a snapshot.
    Press {
        /// The time of the press, in milliseconds of Unix time.
        at_ms: u64,
        /// The name of the device.
        device: Name,
        /// The name of the contact line on the device.
        line: Name,
        /// Whether the press was long.
        long: bool,
    },
    /// A signed reading of a line with the setting `signed`, whose level changed. The site sends each reading once, and
    /// only to panels that are connected when the reading arrives. A reading has no sequence number and is not part of a
    /// snapshot. If a line changes often, some changes have no signed reading.
    Reading {
        /// The time when the site received the reading, in milliseconds of Unix time.
        at_ms: u64,
        /// The name of the device.
        device: Name,
        /// The name of the line on the device.
        line: Name,
        /// The reading as a `reading+jwt` that the device signed. The edge does not verify the reading.
        #[cfg_attr(test, schemars(length(max = MAX_STATEMENT)))]
        jwt: String,
    },
    /// Reports the result of a command that the panel sent on this connection.
    Result {
        /// The result of the command.
        #[serde(flatten)]
        result: CommandResult,
    },
    /// Reports that a command was sent with the caller's token, whose number of commands is limited. The number can also
    /// change without this message while the panel is not connected. `whoami` in a snapshot contains the same number.
    Uses {
        /// The number of commands that can still be sent with the token.
        left: u32,
    },
    /// Reports that the edge rejected a command. Causes are, for example, a missing permission, an unknown line,
    /// invalid arguments or an offline device.
    Problem {
        /// The id of the rejected command. The field is absent if the edge could not read the id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The problem document that describes the error.
        problem: Problem,
    },
}

/// One change in a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A device was enrolled, or an enrolled device connected and sent its hello.
    Device {
        /// The device with all its GPIO lines.
        device: Box<DeviceView>,
    },
    /// A device was removed from the site.
    Removed {
        /// The name of the removed device.
        device: Name,
    },
    /// A device connected or disconnected, or stopped answering commands or answers again.
    Presence {
        /// The name of the device.
        device: Name,
        /// Whether the device is connected now.
        online: bool,
        /// Whether the device answers commands. The value is `false` after a command without an outcome, until the
        /// device sends its next message.
        #[serde(default = "answers")]
        answering: bool,
        /// The time when the site last received a message from the device, in milliseconds of Unix time.
        last_seen_ms: Option<u64>,
    },
    /// The reported or desired level of a GPIO line changed.
    Line {
        /// The name of the device.
        device: Name,
        /// The new state of the GPIO line.
        line: Box<LineView>,
    },
    /// One or more changes that the caller is not allowed to see. The site sends `Hidden` for all of them together, at
    /// most every ten seconds, so that the caller does not learn when they happened.
    Hidden,
}

/// The properties of a device, as the site shows them to a caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Device"))]
pub struct DeviceView {
    /// The name of the device.
    pub name: Name,
    /// Whether the device is connected and has recently sent a message.
    pub online: bool,
    /// Whether the device answers commands. The value is `false` after a command without an outcome, until the device
    /// sends its next message.
    #[serde(default = "answers")]
    pub answering: bool,
    /// The time when the site last received a message from the device, in milliseconds of Unix time.
    pub last_seen_ms: Option<u64>,
    /// The version of the device's agent.
    pub version: Option<String>,
    /// The time when the device's machine started, in milliseconds of Unix time.
    #[serde(default)]
    pub booted_ms: Option<u64>,
    /// The time when the device's agent started, in milliseconds of Unix time.
    #[serde(default)]
    pub agent_started_ms: Option<u64>,
    /// The difference between the machine's clock and the edge time when the device connected, in milliseconds. The
    /// value is negative if the machine's clock was slow.
    #[serde(default)]
    pub clock_ahead_ms: Option<i64>,
    /// The time when the device's certificate expires, in seconds of Unix time.
    #[serde(default)]
    pub certificate_exp: Option<u64>,
    /// The codes of the warnings that the agent reported when it connected, such as `state_not_stored`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The thumbprint of the device's enrolled key (RFC 7638). `pinlatch-agent status` shows the same thumbprint on the
    /// device, if the edge tells the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the site has a device identity (`device+jwt`) for the device's enrolled key, which the owner's root key
    /// signed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmed: bool,
    /// The GPIO lines of the device, in the order in which the device reported them.
    pub lines: Vec<LineView>,
}

/// The properties of a GPIO line, as the site shows them to a caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Line"))]
pub struct LineView {
    /// The name of the GPIO line.
    pub name: Name,
    /// The kind of the GPIO line.
    pub kind: LineKind,
    /// The names of the actions that the caller is allowed to run on the line now.
    #[cfg_attr(test, schemars(with = "Vec<crate::line::schemas::Verb>"))]
    pub actions: Vec<String>,
    /// The last level that the device reported for the line. The actual level may have changed after the report.
    pub reported: Option<Level>,
    /// The level that was last requested for the line. Only lines with the setting `retain` have a desired level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Level>,
    /// Whether the site stores a desired level for the line. The site restores the desired level when the device
    /// connects.
    #[serde(default)]
    pub retain: bool,
    /// The longest time for which the line can be on, in milliseconds. The field is absent if the time is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_on_ms: Option<u32>,
    /// The unit of a sensor, for example `°C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_UNIT)))]
    pub unit: Option<String>,
    /// The number of decimal places of a sensor's value that are significant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(max = MAX_PRECISION)))]
    pub precision: Option<u8>,
    /// The time when the field `reported` last changed, in milliseconds of Unix time.
    pub changed_ms: Option<u64>,
    /// The time when the device ends the pulse or the blinking, or switches the line off because of `max_on_ms`, in
    /// milliseconds of Unix time. The field is absent if no end is scheduled, or if the agent is too old to report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_ms: Option<u64>,
    /// Whether the line is blinking. The field `reported` then changes several times until `ends_ms`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blinking: bool,
    /// Whether the contact is a button, whose presses the device reports.
    #[serde(default, skip_serializing_if = "is_false")]
    pub presses: bool,
    /// Who can operate the line by way of the edge. The field is absent for `edge`.
    #[serde(default, skip_serializing_if = "Authority::is_edge")]
    pub authority: Authority,
    /// The last command that the device executed on the line. The field is absent if there is no such command, or if
    /// the caller has no permission to see who sends commands: the caller must be a person who is logged in, or have
    /// the scope `site:audit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Box<LastCommand>>,
}

fn answers() -> bool {
    true
}
