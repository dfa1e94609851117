//! Defines the interface of all drivers.

use std::time::Instant;

use pinlatch_protocol::line::Level;
use tokio::task::JoinHandle;

use crate::config::{Config, LineConfig};

/// The maximum number of queued input signals.
pub const QUEUE: usize = 64;

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
