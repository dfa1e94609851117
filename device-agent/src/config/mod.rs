//! The configuration file: the owner's final word on what this device may do.
//!
//! [`raw`] is its form on paper, [`check`] what makes it acceptable. Everything wrong is reported at once,
//! each with file, line, column and a stable code.

mod check;
mod raw;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;

/// The most lines that one device may have: their description must fit into one frame.
pub const MAX_LINES: usize = 64;

/// `max_on_ms` of a momentary line whose configuration names none.
pub const DEFAULT_PULSE_LIMIT: Duration = Duration::from_secs(5);

/// `debounce_ms` of a contact whose configuration names none.
pub const DEFAULT_DEBOUNCE: Duration = Duration::from_millis(20);

/// After how long without a link a line that nothing will restore goes to its safe level by default.
pub const DEFAULT_SAFE_AFTER: Duration = Duration::from_secs(60);

/// A configuration that has passed every check. Paths are resolved against the file's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the credentials are kept.
    pub state_dir: PathBuf,
    /// A PEM file of further trust roots.
    pub ca_file: Option<PathBuf>,
    /// Whether `ws://` may be spoken beyond loopback.
    pub allow_plaintext: bool,
    /// What the simulated lines share.
    pub simulator: Option<Simulator>,
    /// The lines, in the order of the file.
    pub lines: Vec<LineConfig>,
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
    /// The longest time that the line may be on.
    pub max_on: Option<Duration>,
    /// The shortest time between the beginnings of two actions.
    pub min_interval: Duration,
    /// How long a contact must rest before its level counts.
    pub debounce: Duration,
    /// What happens when the link is lost.
    pub on_link_loss: OnLinkLoss,
}

/// What moves a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverConfig {
    /// Nothing: a simulation.
    Sim,
    /// A line of the kernel's GPIO character device.
    Gpio {
        /// Which one.
        place: GpioPlace,
        /// Whether "on" is the low voltage.
        active_low: bool,
    },
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
