//! What moves and reads lines. What a driver does is short (an ioctl, a write); what takes time goes to a thread.

pub mod gpio;
pub mod pwm;
pub mod sensor;
pub mod sim;
pub mod sysfs;

use std::path::PathBuf;
use std::time::Instant;

use pinlatch_protocol::line::Level;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::{Config, DriverConfig, LineConfig};

/// How many signals of inputs may wait.
const QUEUE: usize = 64;

/// Why a line cannot be opened, driven or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DriverError(pub String);

/// What moves an output.
pub trait Driver {
    /// Drives the output.
    fn set(&mut self, level: Level) -> Result<(), DriverError>;
}

/// Something that an input has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The line's number, which it keeps when the configuration is read again.
    pub line: usize,
    /// What it says.
    pub input: Input,
}

/// What an input has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A contact changed, not debounced.
    Edge(bool),
    /// A contact can no longer be read.
    Lost(DriverError),
    /// A sensor was read, or could not be.
    Reading(Result<f64, DriverError>),
}

/// Opens lines, at the start and whenever one that could not be opened is tried again.
pub trait Open {
    /// Opens an output at a level. What the system needs time for is waited for until `patience` is over.
    fn output(
        &self,
        line: &LineConfig,
        start: Level,
        patience: Instant,
    ) -> Result<Box<dyn Driver>, DriverError>;

    /// Opens a contact and returns its level. Its edges come as signals, for as long as its watch is there.
    fn contact(&self, line: &LineConfig, number: usize) -> Result<(bool, Watch), DriverError>;

    /// Opens a sensor whose readings come by themselves.
    fn sensor(&self) -> Result<(), DriverError>;

    /// Reads a sensor in its own time. The reading comes as a signal.
    fn read(&self, line: &LineConfig, number: usize);

    /// The configuration was read again: lines are opened for this one now, and have these numbers.
    fn reconfigured(&mut self, _config: &Config, _numbers: &[usize]) {}
}

/// What brings a contact's edges; it ends with this value.
#[derive(Debug, Default)]
pub struct Watch(Option<JoinHandle<()>>);

impl Watch {
    /// Ends it. The line is free again once what is returned has ended.
    pub fn end(&mut self) -> Option<JoinHandle<()>> {
        let watching = self.0.take()?;
        watching.abort();
        Some(watching)
    }
}

impl From<JoinHandle<()>> for Watch {
    fn from(watching: JoinHandle<()>) -> Self {
        Self(Some(watching))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// The drivers of this machine.
pub struct Machine {
    simulation: sim::Simulation,
    signals: mpsc::Sender<Signal>,
    sysfs: PathBuf,
}

impl Machine {
    /// For a configuration; the simulator starts here. The queue carries what the inputs say.
    pub fn new(config: &Config) -> (Self, mpsc::Receiver<Signal>) {
        let (signals, queue) = mpsc::channel(QUEUE);
        let numbers: Vec<usize> = (0..config.lines.len()).collect();
        let simulation = sim::Simulation::start(config, &numbers, &signals);
        (Self { simulation, signals, sysfs: config.sysfs.clone() }, queue)
    }
}

impl Open for Machine {
    fn output(
        &self,
        line: &LineConfig,
        start: Level,
        patience: Instant,
    ) -> Result<Box<dyn Driver>, DriverError> {
        match &line.driver {
            DriverConfig::Sim => self.simulation.output(&line.name),
            DriverConfig::Gpio(gpio) => gpio::open_output(gpio, start),
            DriverConfig::Pwm(pwm) => pwm::open(&self.sysfs, pwm, start, patience),
            DriverConfig::Sensor(_) => Err(DriverError("a sensor is no output".into())),
        }
    }

    fn contact(&self, line: &LineConfig, number: usize) -> Result<(bool, Watch), DriverError> {
        match &line.driver {
            DriverConfig::Sim => self.simulation.input().map(|()| (false, Watch::default())),
            DriverConfig::Gpio(gpio) => gpio::open_contact(gpio, number, &self.signals),
            DriverConfig::Pwm(_) | DriverConfig::Sensor(_) => Err(DriverError("this is no contact".into())),
        }
    }

    fn sensor(&self) -> Result<(), DriverError> {
        self.simulation.input()
    }

    /// On a thread of its own, since that takes up to a second.
    fn read(&self, line: &LineConfig, number: usize) {
        let DriverConfig::Sensor(place) = line.driver.clone() else { return };
        let (sysfs, signals) = (self.sysfs.clone(), self.signals.clone());
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || sensor::read(&sysfs, &place)).await;
            let read = read.unwrap_or_else(|_| Err(DriverError("reading it failed".into())));
            // Nobody listens any more where the agent is stopping.
            let _ = signals.send(Signal { line: number, input: Input::Reading(read) }).await;
        });
    }

    fn reconfigured(&mut self, config: &Config, numbers: &[usize]) {
        self.sysfs.clone_from(&config.sysfs);
        self.simulation.reconfigured(config, numbers, &self.signals);
    }
}

/// The first of many names, for an error that says what there is.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    /// The most names that an error lists.
    const MAX_CANDIDATES: usize = 12;
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let shown = names.iter().take(MAX_CANDIDATES).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".into(),
        n if n > MAX_CANDIDATES => format!("{shown} and {} more", n - MAX_CANDIDATES),
        _ => shown,
    }
}
