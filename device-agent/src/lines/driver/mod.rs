//! Defines the drivers of lines, which access the hardware. A call of a driver is short, because it makes only a few
//! system calls. Slow operations run on another thread.

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

/// The maximum number of queued input signals.
const QUEUE: usize = 64;

/// The reason why a line cannot be opened, driven or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DriverError(pub String);

/// The driver of an output.
pub trait Driver {
    fn set(&mut self, level: Level) -> Result<(), DriverError>;
}

/// A message from an input, which is a contact or a sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The number of the line, which stays the same across reloads.
    pub line: usize,
    pub input: Input,
}

/// The content of a [`Signal`].
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The level of a contact has changed. The new level is not debounced yet.
    Edge(bool),
    /// A contact can no longer be read.
    Lost(DriverError),
    /// The result of reading a sensor.
    Reading(Result<f64, DriverError>),
}

/// Opens lines when the agent starts and when the agent tries again to open a line.
pub trait Open {
    /// Opens an output with the start level `start`. The function can wait until the time `patience` for the system to
    /// grant access to the hardware.
    fn output(
        &self,
        line: &LineConfig,
        start: Level,
        patience: Instant,
    ) -> Result<Box<dyn Driver>, DriverError>;

    /// Opens a contact and returns its level. Each level change of the contact is sent as a
    /// [`Signal`] until the returned [`Watch`] is dropped.
    fn contact(&self, line: &LineConfig, number: usize) -> Result<(bool, Watch), DriverError>;

    /// Opens a simulated sensor. The agent does not poll a simulated sensor, because the simulator sends the readings.
    fn sensor(&self) -> Result<(), DriverError>;

    /// Starts reading a sensor and returns immediately. The result of the reading is sent as a
    /// [`Signal`].
    fn read(&self, line: &LineConfig, number: usize);

    /// Applies a reloaded configuration. `_numbers` contains the number of each line in the order of the configuration
    /// file.
    fn reconfigured(&mut self, _config: &Config, _numbers: &[usize]) {}
}

/// The task that sends the level changes of a contact. Dropping a `Watch` ends the task.
#[derive(Debug, Default)]
pub struct Watch(Option<JoinHandle<()>>);

impl Watch {
    /// Ends the task. The contact can be opened again when the returned task handle has finished.
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

/// The drivers for this machine's hardware and for simulated lines.
pub struct Machine {
    simulation: sim::Simulation,
    signals: mpsc::Sender<Signal>,
    sysfs: PathBuf,
}

impl Machine {
    /// Starts the simulator. The returned receiver gets the signals of all inputs.
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
            DriverConfig::Sensor(_) => Err(DriverError("a sensor cannot be an output".into())),
        }
    }

    fn contact(&self, line: &LineConfig, number: usize) -> Result<(bool, Watch), DriverError> {
        match &line.driver {
            DriverConfig::Sim => self.simulation.input().map(|()| (false, Watch::default())),
            DriverConfig::Gpio(gpio) => gpio::open_contact(gpio, number, &self.signals),
            DriverConfig::Pwm(_) | DriverConfig::Sensor(_) => {
                Err(DriverError("this driver does not support contacts".into()))
            }
        }
    }

    fn sensor(&self) -> Result<(), DriverError> {
        self.simulation.input()
    }

    /// Reads the sensor on a separate thread, because a reading takes up to a second.
    fn read(&self, line: &LineConfig, number: usize) {
        let DriverConfig::Sensor(place) = line.driver.clone() else { return };
        let (sysfs, signals) = (self.sysfs.clone(), self.signals.clone());
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || sensor::read(&sysfs, &place)).await;
            let read = read.unwrap_or_else(|_| Err(DriverError("the reading failed".into())));
            // A send error is ignored, because sending fails only if the agent is stopping.
            let _ = signals.send(Signal { line: number, input: Input::Reading(read) }).await;
        });
    }

    fn reconfigured(&mut self, config: &Config, numbers: &[usize]) {
        self.sysfs.clone_from(&config.sysfs);
        self.simulation.reconfigured(config, numbers, &self.signals);
    }
}

/// Returns the first names as a list for an error message.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MAX_CANDIDATES: usize = 12;
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let shown = names.iter().take(MAX_CANDIDATES).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".into(),
        n if n > MAX_CANDIDATES => format!("{shown} and {} more", n - MAX_CANDIDATES),
        _ => shown,
    }
}
