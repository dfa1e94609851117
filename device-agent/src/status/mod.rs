//! What the running agent says of itself on a unix socket: one JSON document for each connection.

mod socket;
mod text;

use std::path::{Path, PathBuf};

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock::{WallClock, boot_ms};
use crate::config::{Config, DriverConfig, LineConfig, SensorPlace};
use crate::lines::{DriverError, Lines};
use crate::telemetry::{Counters, LastError, Link, Telemetry};

pub use socket::{SocketError, StatusSocket, ask};

/// The folder that systemd makes for the agent (`RuntimeDirectory=pinlatch`).
const RUNTIME_DIR: &str = "/run/pinlatch";

/// Where the status is asked for.
pub fn default_socket() -> PathBuf {
    Path::new(RUNTIME_DIR).join("agent.sock")
}

/// Where an agent of this configuration listens: where the file says, or else in systemd's folder, where there is
/// one.
pub fn socket_of(config: &Config) -> Option<PathBuf> {
    let default = || Path::new(RUNTIME_DIR).is_dir().then(default_socket);
    config.status_socket.clone().or_else(default)
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// For how long it has been running.
    pub uptime_s: u64,
    /// How much memory it has resident, in KiB; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_kib: Option<u64>,
    /// The edge's address; absent before the credentials could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// The site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Name>,
    /// The link.
    pub link: LinkStatus,
    /// The clock; absent before edge time was told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockStatus>,
    /// The lines, in the order of the configuration.
    pub lines: Vec<LineStatus>,
    /// What was counted since the start.
    pub counters: Counters,
}

/// The link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// `connected`, `connecting` or `waiting`.
    pub state: LinkState,
    /// For how long it has been connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_s: Option<u64>,
    /// In how long it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// Why it was last lost, or not established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}

/// How the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It is up.
    Connected,
    /// An attempt is under way.
    Connecting,
    /// Between two attempts.
    Waiting,
}

/// The clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// Edge time, milliseconds of Unix time.
    pub edge_ms: u64,
    /// How far edge time is ahead of the system's clock, in milliseconds.
    pub ahead_ms: i64,
    /// In how wide a range edge time lies.
    pub uncertainty_ms: u64,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineStatus {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub kind: LineKind,
    /// What moves or reads it, and where: `gpio GPIO17`.
    pub driver: String,
    /// Its level; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What its number counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Why it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Status {
    /// How everything is now.
    pub fn of(telemetry: &Telemetry, lines: &Lines, wall: WallClock) -> Self {
        let now = Instant::now();
        let identity = telemetry.identity();
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_s: now.saturating_duration_since(telemetry.started()).as_secs(),
            memory_kib: memory_kib(),
            edge: identity.as_ref().map(|identity| identity.edge.clone()),
            site: identity.as_ref().map(|identity| identity.site.clone()),
            device: identity.map(|identity| identity.device),
            link: link(telemetry, now),
            clock: telemetry.clock().map(|clock| {
                let boot_ms = boot_ms();
                ClockStatus {
                    edge_ms: clock.estimate_ms(boot_ms),
                    ahead_ms: clock.ahead_of(wall, boot_ms),
                    uncertainty_ms: clock.uncertainty_ms(boot_ms),
                }
            }),
            lines: lines.each(line),
            counters: telemetry.counters(),
        }
    }
}

fn link(telemetry: &Telemetry, now: Instant) -> LinkStatus {
    let (state, connected_s, retry_in_ms) = match telemetry.link() {
        Link::Connecting => (LinkState::Connecting, None, None),
        Link::Up { since } => {
            (LinkState::Connected, Some(now.saturating_duration_since(since).as_secs()), None)
        }
        Link::Down { retry_at } => {
            let wait = retry_at.saturating_duration_since(now).as_millis();
            (LinkState::Waiting, None, u64::try_from(wait).ok())
        }
    };
    LinkStatus { state, connected_s, retry_in_ms, last_error: telemetry.last_error() }
}

fn line(config: &LineConfig, level: Option<Level>, fault: Option<&DriverError>) -> LineStatus {
    let driver = match &config.driver {
        DriverConfig::Sim => "sim".into(),
        DriverConfig::Gpio(gpio) => format!("gpio {}", gpio.place),
        DriverConfig::Pwm(pwm) => {
            let channels: Vec<String> = pwm.channels.iter().map(u32::to_string).collect();
            format!("pwm {} channel {}", pwm.chip, channels.join(", "))
        }
        DriverConfig::Sensor(SensorPlace::W1 { device }) => format!("w1 {device}"),
        DriverConfig::Sensor(SensorPlace::Iio { device, channel }) => format!("iio {device} {channel}"),
        DriverConfig::Sensor(SensorPlace::Hwmon { device, channel }) => format!("hwmon {device} {channel}"),
    };
    LineStatus {
        name: config.name.clone(),
        kind: config.kind,
        driver,
        level,
        unit: config.sensing.as_ref().and_then(|sensing| sensing.unit.clone()),
        fault: fault.map(ToString::to_string),
    }
}

/// `VmRSS` of `/proc/self/status`, see proc(5).
fn memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}
