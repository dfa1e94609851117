//! Defines the content of a valid configuration file, and the errors of an invalid one.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pinlatch_protocol::SILENCE_LIMIT_MS;
use pinlatch_protocol::line::{Authority, Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::RuleInfo;
use serde::Deserialize;

use crate::uplink::proxy::Proxy;

/// The default of the key `max_on_ms` of a momentary line.
pub const DEFAULT_PULSE_LIMIT: Duration = Duration::from_secs(5);

/// The default of the key `debounce_ms` of a contact.
pub const DEFAULT_DEBOUNCE: Duration = Duration::from_millis(20);

/// The default of the key `long_press_ms` of a contact.
pub const DEFAULT_LONG_PRESS: Duration = Duration::from_millis(800);

/// The default of the key `interval_s` of a sensor.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// The default of the key `dead_time_ms` of an interlock.
pub const DEFAULT_DEAD_TIME: Duration = Duration::from_millis(500);

/// The default time without a connection to the edge after which an output goes to its safe level. An output with
/// `retain = true` keeps its level by default.
pub const DEFAULT_SAFE_AFTER: Duration = Duration::from_secs(60);

/// The default of the key `link_timeout_s`. The edge uses the same timeout and treats a device as offline if the device
/// sends nothing for this time.
pub const DEFAULT_LINK_TIMEOUT: Duration = Duration::from_millis(SILENCE_LIMIT_MS);

/// The name of the file with the reports about rules, in the folder of the credentials.
pub const RULES_JOURNAL: &str = "rules-journal.jsonl";

/// A validated configuration. Relative paths are already resolved against the folder of the configuration file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The folder in which the device's credentials are stored.
    pub state_dir: PathBuf,
    /// The PEM file with additional root certificates.
    pub ca_file: Option<PathBuf>,
    /// Is true if unencrypted connections (`ws://`) to other machines are allowed.
    pub allow_plaintext: bool,
    pub proxy: Option<Proxy>,
    /// The maximum time without a received frame after which the agent closes the connection.
    pub link_timeout: Duration,
    /// The IP address and the port of the metrics server. If the value is `None`, the agent serves no metrics.
    pub metrics: Option<SocketAddr>,
    /// The settings that all simulated lines share.
    pub simulator: Option<Simulator>,
    /// The lines in the order of the configuration file.
    pub lines: Vec<LineConfig>,
    /// The interlocks, which are groups of lines that must never be on at the same time.
    pub interlocks: Vec<Interlock>,
    /// The rules, in the order of the configuration file.
    pub rules: Vec<RuleConfig>,
    /// The owner and the device for which the file was written. The agent accepts no other credentials.
    pub owner: Option<OwnerConfig>,
    /// The file in which reports about rules survive a power cut. If the value is `None`, the reports are only in memory.
    pub rules_journal: Option<PathBuf>,
    /// The path of the socket for `pinlatch-agent status`. If the value is `None`, the agent uses the default socket,
    /// provided that its folder exists.
    pub status_socket: Option<PathBuf>,
    /// The folder of sysfs. The configuration file has no key for this folder, because only tests change the folder.
    pub sysfs: PathBuf,
}

/// The settings in the table `[simulator]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulator {
    /// The file to which the agent appends each change of a simulated output.
    pub journal: Option<PathBuf>,
    /// The Unix socket that sets the levels of simulated inputs.
    pub socket: Option<PathBuf>,
}

/// The settings in one table `[lines.NAME]`, which defines one input or output of the device.
#[derive(Debug, Clone, PartialEq)]
pub struct LineConfig {
    pub name: Name,
    pub kind: LineKind,
    pub driver: DriverConfig,
    /// Is true if the site stores the level of this output and restores the level when the device reconnects.
    pub retain: bool,
    /// The level of an output when the agent starts or stops, and after a failure. The value is `None` for inputs.
    pub safe: Option<Level>,
    /// The level of an output when the agent starts, if this level differs from the safe level.
    pub initial: Option<Level>,
    /// The lowest and the highest allowed angle of a servo, in degrees.
    pub range_deg: Option<(f64, f64)>,
    /// The maximum time for which the output is allowed to be on.
    pub max_on: Option<Duration>,
    /// The minimum time between the starts of two actions on the output.
    pub min_interval: Duration,
    /// The time for which the level of a contact must be stable before the agent accepts the level.
    pub debounce: Duration,
    /// The minimum duration of a long press of a contact. The value is `None` if the agent does not report presses.
    pub long_press: Option<Duration>,
    /// The settings for the readings of a sensor. The value is `None` if the line is not a sensor.
    pub sensing: Option<Sensing>,
    pub on_link_loss: OnLinkLoss,
    /// Is true if the device signs the level changes of the line.
    pub signed: bool,
    /// Is true if the device signs receipts for the commands of the output.
    pub receipts: bool,
    /// Who can operate the output by way of the edge.
    pub authority: Authority,
}

/// The settings in the table `[owner]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerConfig {
    /// The thumbprint of the owner's root key (RFC 7638).
    pub root: String,
    pub site: Name,
    pub device: Name,
}

/// The hardware that a line uses.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverConfig {
    /// A simulated line without hardware.
    Sim,
    /// A GPIO line of the kernel's GPIO character device.
    Gpio(GpioConfig),
    Pwm(PwmConfig),
    /// A sensor whose measurement is in sysfs.
    Sensor(SensorPlace),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpioConfig {
    pub place: GpioPlace,
    /// Is true if the GPIO line has the low voltage while it is on.
    pub active_low: bool,
    /// The electrical mode of a GPIO output.
    pub drive: Drive,
    /// The pull resistor of a GPIO input. If the value is `None`, the agent does not change the setting of the pull
    /// resistor.
    pub bias: Option<Bias>,
}

/// The electrical mode of a GPIO output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// The GPIO output drives both the low level and the high level.
    #[default]
    PushPull,
    /// The GPIO output drives only the low level. At the high level, the GPIO output floats.
    OpenDrain,
    /// The GPIO output drives only the high level. At the low level, the GPIO output floats.
    OpenSource,
}

/// The setting of the GPIO chip's internal pull resistor for an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    PullUp,
    PullDown,
    Disabled,
}

/// The name or the location of a GPIO line. A chip name such as `gpiochip0` is never used, because its number can
/// change between kernels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GpioPlace {
    /// The name of the GPIO line, such as `GPIO17`.
    Name(String),
    /// The label of the GPIO chip, such as `pinctrl-bcm2835`, and the offset of the GPIO line on this chip.
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

/// The PWM channels of a line and the settings of the PWM signal.
#[derive(Debug, Clone, PartialEq)]
pub struct PwmConfig {
    /// The name of the PWM chip's device, such as `fe20c000.pwm`. A chip name such as `pwmchip0` is not used, because
    /// its number can change between kernels.
    pub chip: String,
    /// The numbers of the PWM channels. A dimmer or a servo has one channel, and an `rgb` line has three channels for
    /// red, green and blue.
    pub channels: Vec<u32>,
    pub period_ns: u64,
    /// Is true if the PWM signal is inverted.
    pub active_low: bool,
    pub shape: Shape,
}

/// The conversion of a level into a PWM signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// The duty cycle is the level to the power of `gamma`.
    Light {
        /// The exponent of the conversion, where 1 means a linear conversion. With an exponent of about 2.2, equal
        /// changes of the level look like equal changes of brightness.
        gamma: f64,
    },
    /// The pulse lengths at 0 and at 180 degrees, in nanoseconds. The agent interpolates the pulse lengths for other
    /// angles.
    Servo { at_0: u64, at_180: u64 },
}

/// The location of a sensor's measurement in sysfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorPlace {
    /// A 1-wire thermometer.
    W1 {
        /// The id of the 1-wire thermometer, such as `28-00000abcdef0`.
        device: String,
    },
    /// A channel of a device in the kernel's Industrial I/O subsystem (IIO).
    Iio {
        /// The name of the device, or the name of its parent device.
        device: String,
        /// The name of the IIO channel, such as `in_temp`.
        channel: String,
    },
    /// A channel of a device in the kernel's hardware monitoring subsystem (hwmon).
    Hwmon {
        /// The name of the device, or the name of its parent device.
        device: String,
        /// The name of the hwmon channel, such as `temp1`.
        channel: String,
    },
}

/// The settings for the readings of a sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensing {
    pub unit: Option<String>,
    /// The number of decimal places of a reading.
    pub precision: u8,
    /// The time between two readings of the sensor.
    pub interval: Duration,
    /// The minimum change of the measurement that the agent reports.
    pub min_change: f64,
}

/// The settings in one table `[interlocks.NAME]`, which lists lines that must never be on at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interlock {
    /// The indexes of the interlocked lines in [`Config::lines`].
    pub lines: Vec<usize>,
    /// The minimum time between switching off one interlocked line and switching on another interlocked line.
    pub dead_time: Duration,
}

/// The settings in one table `[[rules]]`. A rule runs an action on a line of this device.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleConfig {
    pub rule: RuleInfo,
    /// The maximum number of actions in a minute.
    pub per_minute: u32,
}

/// The rule for an output when the connection to the edge is lost. A pulse ends on time under every rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLinkLoss {
    /// The level of the output does not change.
    Hold,
    /// The output goes to its safe level after the connection has been lost for this time.
    SafeAfter(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The stable error code.
    pub code: &'static str,
    /// The line and the column of the error in the file, both counted from 1. The value is `None` if the error has no
    /// position.
    pub at: Option<(usize, usize)>,
    /// A text for people that describes the problem and the next step.
    pub message: String,
}

/// All errors in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub file: PathBuf,
    /// The errors in the order of the file. The list contains at least one error.
    pub issues: Vec<Issue>,
}

impl ConfigError {
    /// Logs every error in the configuration file.
    pub fn log(&self) {
        let file = self.file.display();
        for Issue { code, at, message } in &self.issues {
            let (line, column) = at.unwrap_or_default();
            tracing::error!(code, "the configuration is invalid: {file}:{line}:{column}: {message}");
        }
    }
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

/// Returns the line and the column of a byte offset in a text, both counted from 1.
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
