//! The configuration file. It defines the permissions of this device, and the edge cannot override them.
//!
//! [`raw`] defines the file's syntax, [`check`] validates the content. All issues of a file are reported together, each
//! with the file, the position in the file and a stable code.

mod check;
mod raw;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinlatch_protocol::SILENCE_LIMIT_MS;
use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use serde::Deserialize;

use crate::proxy::Proxy;

/// Maximum number of lines. The descriptions of all lines must fit into one frame.
pub const MAX_LINES: usize = 64;

/// Default `max_on_ms` of a momentary line.
pub const DEFAULT_PULSE_LIMIT: Duration = Duration::from_secs(5);

/// Default `debounce_ms` of a contact.
pub const DEFAULT_DEBOUNCE: Duration = Duration::from_millis(20);

/// Default `long_press_ms` of a contact.
pub const DEFAULT_LONG_PRESS: Duration = Duration::from_millis(800);

/// Default `interval_s` of a sensor.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// Default `dead_time_ms` of an interlock.
pub const DEFAULT_DEAD_TIME: Duration = Duration::from_millis(500);

/// Default time without a link after which a line that is not retained goes to its safe level.
pub const DEFAULT_SAFE_AFTER: Duration = Duration::from_secs(60);

/// Default `link_timeout_s`. The edge uses the same timeout: a device that sends nothing for this time is offline.
pub const DEFAULT_LINK_TIMEOUT: Duration = Duration::from_millis(SILENCE_LIMIT_MS);

/// A validated configuration. Paths are resolved against the file's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Folder of the credentials.
    pub state_dir: PathBuf,
    /// PEM file of additional trust roots.
    pub ca_file: Option<PathBuf>,
    /// Whether `ws://` to other machines is allowed.
    pub allow_plaintext: bool,
    pub proxy: Option<Proxy>,
    /// Maximum time without a received frame before the link counts as dead.
    pub link_timeout: Duration,
    /// Address of the metrics server; `None` for no metrics.
    pub metrics: Option<SocketAddr>,
    /// Settings shared by the simulated lines.
    pub simulator: Option<Simulator>,
    /// In the order of the file.
    pub lines: Vec<LineConfig>,
    /// Groups of lines that must never be on at the same time.
    pub interlocks: Vec<Interlock>,
    /// Socket for `pinlatch-agent status`. `None` for the default socket, if its folder exists.
    pub status_socket: Option<PathBuf>,
    /// Folder of sysfs. This is not a key of the file. Only tests change it.
    pub sysfs: PathBuf,
}

/// The table `[simulator]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulator {
    /// File to which each change of a simulated output is appended.
    pub journal: Option<PathBuf>,
    /// Unix socket that sets the levels of simulated inputs.
    pub socket: Option<PathBuf>,
}

/// A table `[lines.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LineConfig {
    pub name: Name,
    pub kind: LineKind,
    pub driver: DriverConfig,
    /// Whether the site stores and restores the line's level.
    pub retain: bool,
    /// Level at start, at stop and after failures; `None` for inputs.
    pub safe: Option<Level>,
    /// Level at start, if different from the safe level.
    pub initial: Option<Level>,
    /// Allowed angles of a servo, in degrees.
    pub range_deg: Option<(f64, f64)>,
    /// Maximum time that the line is allowed to be on.
    pub max_on: Option<Duration>,
    /// Minimum time between the starts of two actions.
    pub min_interval: Duration,
    /// Time for which a contact's level must be stable before it is accepted.
    pub debounce: Duration,
    /// Minimum length of a long press; `None` if presses are not reported.
    pub long_press: Option<Duration>,
    /// Settings of a sensor's readings; `None` for other kinds.
    pub sensing: Option<Sensing>,
    pub on_link_loss: OnLinkLoss,
}

/// The hardware behind a line.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverConfig {
    /// A simulated line without hardware.
    Sim,
    /// A line of the kernel's GPIO character device.
    Gpio(GpioConfig),
    Pwm(PwmConfig),
    /// A measurement in sysfs.
    Sensor(SensorPlace),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpioConfig {
    pub place: GpioPlace,
    /// Whether "on" is the low voltage.
    pub active_low: bool,
    /// Electrical mode of an output.
    pub drive: Drive,
    /// Pull resistor of an input; `None` leaves the resistor's setting unchanged.
    pub bias: Option<Bias>,
}

/// Electrical mode of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// Drives both levels.
    #[default]
    PushPull,
    /// Drives the low level. At the high level the output floats.
    OpenDrain,
    /// Drives the high level. At the low level the output floats.
    OpenSource,
}

/// The chip's internal pull resistor of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    PullUp,
    PullDown,
    Disabled,
}

/// Identifies a GPIO line. A chip number is never used, because chip numbers change between kernels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GpioPlace {
    /// The line's own name, such as `GPIO17`.
    Name(String),
    /// The chip's label, such as `pinctrl-bcm2835`, and the offset on that chip.
    Chip { label: String, offset: u32 },
}

impl fmt::Display for GpioPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Chip { label, offset } => write!(f, "{label} offset {offset}"),
        }
    }
}

/// PWM channels and their signal.
#[derive(Debug, Clone, PartialEq)]
pub struct PwmConfig {
    /// Name of the chip's device, such as `fe20c000.pwm`. The chip number is not used, because it changes between
    /// kernels.
    pub chip: String,
    /// One channel, or three for red, green and blue.
    pub channels: Vec<u32>,
    pub period_ns: u64,
    /// Whether the signal is inverted.
    pub active_low: bool,
    pub shape: Shape,
}

/// Conversion of a level into a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// The duty cycle is the level to the power of `gamma`.
    Light {
        /// 1 is linear. With about 2.2, equal changes of the level look like equal changes of brightness.
        gamma: f64,
    },
    /// Pulse lengths at 0 and at 180 degrees, in nanoseconds. The lengths for other angles are interpolated.
    Servo { at_0: u64, at_180: u64 },
}

/// Location of a measurement in sysfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorPlace {
    /// A 1-wire thermometer.
    W1 {
        /// Id of the thermometer, such as `28-00000abcdef0`.
        device: String,
    },
    /// A channel of an IIO device.
    Iio {
        /// Name of the device, or of its parent.
        device: String,
        /// Name of the channel, such as `in_temp`.
        channel: String,
    },
    /// A channel of a hwmon device.
    Hwmon {
        /// Name of the device, or of its parent.
        device: String,
        /// Name of the channel, such as `temp1`.
        channel: String,
    },
}

/// Settings of a sensor's readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensing {
    pub unit: Option<String>,
    /// Number of decimal places.
    pub precision: u8,
    /// Time between two readings.
    pub interval: Duration,
    /// Minimum change that is reported.
    pub min_change: f64,
}

/// A table `[interlocks.NAME]` with lines that must never be on at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interlock {
    /// Indexes into [`Config::lines`].
    pub lines: Vec<usize>,
    /// Minimum time between one line going off and another going on.
    pub dead_time: Duration,
}

/// Rule for a line when the link is lost. A pulse ends by itself under every rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLinkLoss {
    /// Keeps its level.
    Hold,
    /// The line goes to its safe level after the link has been lost for this time.
    SafeAfter(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Stable error code.
    pub code: &'static str,
    /// Line and column, both from 1; `None` if the issue has no location.
    pub at: Option<(usize, usize)>,
    /// The problem and the next step.
    pub message: String,
}

/// All issues of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub file: PathBuf,
    /// At least one, in the order of the file.
    pub issues: Vec<Issue>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, issue) in self.issues.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{}:", self.file.display())?;
            if let Some((line, column)) = issue.at {
                write!(f, "{line}:{column}:")?;
            }
            write!(f, " {} [{}]", issue.message, issue.code)?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads and validates a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.into(),
            issues: vec![Issue { code: "config_unreadable", at: None, message: error.to_string() }],
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).map_err(|issues| ConfigError { file: file.into(), issues })
    }

    /// Validates a configuration. Relative paths are resolved against `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Issue>> {
        let raw: raw::File = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| place(text, span.start));
            vec![Issue { code: "config_syntax", at, message: error.message().replace('\n', ", ") }]
        })?;
        check::check(raw, text, folder)
    }
}

/// Line and column of a byte offset, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
