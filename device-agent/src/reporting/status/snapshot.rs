//! Describes the state of the running agent.

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock::{WallClock, boot_ms};
use crate::config::{DriverConfig, LineConfig, SensorPlace};
use crate::lines::{DriverError, Lines};
use crate::reporting::telemetry::{Counters, LastError, Link, Telemetry, Warning};
use crate::rules::RuleCounters;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub uptime_s: u64,
    /// The resident memory of the agent in KiB. The field is absent if the value is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_kib: Option<u64>,
    /// The base URL of the edge. The field is absent until the agent has read the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Name>,
    /// The thumbprint of the device's key (RFC 7638). The owner compares it with the thumbprint that the edge names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub link: LinkStatus,
    /// The states that the owner of the device must correct.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// The edge time with its uncertainty. The field is absent until edge time is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockStatus>,
    /// The lines in the order of the configuration file.
    pub lines: Vec<LineStatus>,
    /// The counters since the start of the agent.
    pub counters: Counters,
    #[serde(default)]
    pub rules: RuleCounters,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    pub state: LinkState,
    /// The duration of the current connection in seconds. The field is present only while the agent is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_s: Option<u64>,
    /// The time until the next connection attempt in milliseconds. The field is present only while the agent waits for
    /// this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// The reason why the last connection was lost or could not be established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Connected,
    /// A connection attempt is in progress.
    Connecting,
    /// The agent waits for the next connection attempt.
    Waiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// The estimated edge time in milliseconds since the Unix epoch.
    pub edge_ms: u64,
    /// The difference between edge time and the system's clock in milliseconds, which is positive if edge time is
    /// ahead.
    pub ahead_ms: i64,
    /// The width of the interval that contains edge time, in milliseconds.
    pub uncertainty_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineStatus {
    pub name: Name,
    pub kind: LineKind,
    /// The driver of the line and the location of the hardware, such as `gpio GPIO17`.
    pub driver: String,
    /// The level of the line. The field is absent if the level is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The reason why the level of the line is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Status {
    pub fn of(telemetry: &Telemetry, lines: &Lines, wall: WallClock) -> Self {
        let now = Instant::now();
        let identity = telemetry.identity();
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_s: now.saturating_duration_since(telemetry.started()).as_secs(),
            memory_kib: memory_kib(),
            edge: identity.as_ref().map(|identity| identity.edge.clone()),
            site: identity.as_ref().map(|identity| identity.site.clone()),
            key: identity.as_ref().map(|identity| identity.key.clone()),
            device: identity.map(|identity| identity.device),
            link: link(telemetry, now),
            warnings: telemetry.warnings(),
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
            rules: lines.rule_counters(),
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

/// Returns the value `VmRSS` of `/proc/self/status`, which is the resident memory in KiB (see proc(5)).
fn memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}
