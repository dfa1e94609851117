//! The configuration file: the owner's final word on what this device may do.
//!
//! [`raw`] is its form on paper, [`check`] what makes it acceptable. Everything wrong is reported at once,
//! each with file, line, column and a stable code.

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

/// The most lines that one device may have: their description must fit into one frame.
pub const MAX_LINES: usize = 64;

/// `max_on_ms` of a momentary line whose configuration names none.
pub const DEFAULT_PULSE_LIMIT: Duration = Duration::from_secs(5);

/// `debounce_ms` of a contact whose configuration names none.
pub const DEFAULT_DEBOUNCE: Duration = Duration::from_millis(20);

/// `long_press_ms` of a contact whose configuration names none.
pub const DEFAULT_LONG_PRESS: Duration = Duration::from_millis(800);

/// `interval_s` of a sensor whose configuration names none.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// `dead_time_ms` of an interlock whose configuration names none.
pub const DEFAULT_DEAD_TIME: Duration = Duration::from_millis(500);

/// After how long without a link a line that nothing will restore goes to its safe level by default.
pub const DEFAULT_SAFE_AFTER: Duration = Duration::from_secs(60);

/// `link_timeout_s` of a configuration that names none: as long as the edge waits for a sign of life.
pub const DEFAULT_LINK_TIMEOUT: Duration = Duration::from_millis(SILENCE_LIMIT_MS);

/// A configuration that has passed every check. Paths are resolved against the file's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the credentials are kept.
    pub state_dir: PathBuf,
    /// A PEM file of further trust roots.
    pub ca_file: Option<PathBuf>,
    /// Whether `ws://` may be spoken beyond loopback.
    pub allow_plaintext: bool,
    /// The HTTP proxy between this device and the edge.
    pub proxy: Option<Proxy>,
    /// After how long a silence the link counts as dead.
    pub link_timeout: Duration,
    /// Where the metrics are served.
    pub metrics: Option<SocketAddr>,
    /// What the simulated lines share.
    pub simulator: Option<Simulator>,
    /// The lines, in the order of the file.
    pub lines: Vec<LineConfig>,
    /// Which of them are never on together.
    pub interlocks: Vec<Interlock>,
    /// Where `pinlatch-agent status` asks; `None` for the default place, where there is one.
    pub status_socket: Option<PathBuf>,
    /// Where sysfs is. No file says this: tests have one of their own.
    pub sysfs: PathBuf,
}

/// `[simulator]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulator {
    /// Every change of a simulated output is appended here.
    pub journal: Option<PathBuf>,
    /// The unix socket that drives simulated contacts.
    pub socket: Option<PathBuf>,
}

/// `[lines.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LineConfig {
    /// The line's name.
    pub name: Name,
    /// What it is for.
    pub kind: LineKind,
    /// What moves it.
    pub driver: DriverConfig,
    /// Whether the site keeps and restores its level.
    pub retain: bool,
    /// The level at start, at stop and where something fails; `None` for inputs.
    pub safe: Option<Level>,
    /// The level at the start, where it is not the safe one.
    pub initial: Option<Level>,
    /// The angles that a servo may take.
    pub range_deg: Option<(f64, f64)>,
    /// The longest time that the line may be on.
    pub max_on: Option<Duration>,
    /// The shortest time between the beginnings of two actions.
    pub min_interval: Duration,
    /// How long a contact must rest before its level counts.
    pub debounce: Duration,
    /// From when on a press of a contact is a long one; `None` where presses are not told.
    pub long_press: Option<Duration>,
    /// What of a sensor is told; `None` for all others.
    pub sensing: Option<Sensing>,
    /// What happens when the link is lost.
    pub on_link_loss: OnLinkLoss,
}

/// What moves or reads a line.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverConfig {
    /// Nothing: a simulation.
    Sim,
    /// A line of the kernel's GPIO character device.
    Gpio(GpioConfig),
    /// Hardware PWM.
    Pwm(PwmConfig),
    /// A measurement in sysfs.
    Sensor(SensorPlace),
}

/// A GPIO line and how it is driven or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpioConfig {
    /// Which one.
    pub place: GpioPlace,
    /// Whether "on" is the low voltage.
    pub active_low: bool,
    /// How an output drives.
    pub drive: Drive,
    /// The pull of an input; `None` leaves it as it is.
    pub bias: Option<Bias>,
}

/// How an output drives its two levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// High and low.
    #[default]
    PushPull,
    /// Low only; what is high floats.
    OpenDrain,
    /// High only; what is low floats.
    OpenSource,
}

/// The resistor within the chip that pulls an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// To high.
    PullUp,
    /// To low.
    PullDown,
    /// None.
    Disabled,
}

/// How a GPIO line is found; never by a bare chip number, which changes between kernels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GpioPlace {
    /// By the line's own name, such as `GPIO17`.
    Name(String),
    /// By the chip's label, such as `pinctrl-bcm2835`, and the offset on it.
    Chip {
        /// The chip's label.
        label: String,
        /// The line's offset.
        offset: u32,
    },
}

impl fmt::Display for GpioPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Chip { label, offset } => write!(f, "{label} offset {offset}"),
        }
    }
}

/// PWM channels and what they make of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct PwmConfig {
    /// The device of the chip, such as `fe20c000.pwm`: chip numbers change between kernels.
    pub chip: String,
    /// One channel, or three for red, green and blue.
    pub channels: Vec<u32>,
    /// The length of a period in nanoseconds.
    pub period_ns: u64,
    /// Whether the signal is inversed.
    pub active_low: bool,
    /// What a level becomes.
    pub shape: Shape,
}

/// What a level becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A part of the period: the level to this power.
    Light {
        /// 1 is linear; about 2.2 looks even to the eye.
        gamma: f64,
    },
    /// A pulse: its nanoseconds at 0 and at 180 degrees.
    Servo {
        /// At 0 degrees.
        at_0: u64,
        /// At 180 degrees.
        at_180: u64,
    },
}

/// Where a measurement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorPlace {
    /// A 1-wire thermometer, by its id.
    W1 {
        /// Such as `28-00000abcdef0`.
        device: String,
    },
    /// A channel of an IIO device.
    Iio {
        /// Its name, or its parent's.
        device: String,
        /// Such as `in_temp`.
        channel: String,
    },
    /// A channel of a hwmon device.
    Hwmon {
        /// Its name, or its parent's.
        device: String,
        /// Such as `temp1`.
        channel: String,
    },
}

/// What of a sensor is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensing {
    /// What its number counts.
    pub unit: Option<String>,
    /// How many decimals mean something.
    pub precision: u8,
    /// How often it is read.
    pub interval: Duration,
    /// How far it must move to be told.
    pub min_change: f64,
}

/// `[interlocks.NAME]`: lines that are never on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interlock {
    /// The lines' places in the configuration.
    pub lines: Vec<usize>,
    /// How long after one went off another may go on.
    pub dead_time: Duration,
}

/// What a line does when the link to the edge is lost. A pulse ends by itself in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLinkLoss {
    /// Keeps its level.
    Hold,
    /// Goes to its safe level after this time.
    SafeAfter(Duration),
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// A stable code.
    pub code: &'static str,
    /// Line and column, both from 1, where there is a place to point at.
    pub at: Option<(usize, usize)>,
    /// What is wrong and what to do.
    pub message: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// At least one issue, in the order of the file.
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
    /// Reads and checks a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.into(),
            issues: vec![Issue { code: "config_unreadable", at: None, message: error.to_string() }],
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).map_err(|issues| ConfigError { file: file.into(), issues })
    }

    /// Checks a configuration whose relative paths start at `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Issue>> {
        let raw: raw::File = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| place(text, span.start));
            vec![Issue { code: "config_syntax", at, message: error.message().replace('\n', ", ") }]
        })?;
        check::check(raw, text, folder)
    }
}

/// Line and column, both from 1, of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
