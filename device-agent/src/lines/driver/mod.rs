//! Defines the drivers of lines, which access the hardware. A call of a driver is short, because it makes only a few
//! system calls. Slow operations run on another thread.

pub mod gpio;
mod interface;
pub mod pwm;
pub mod sensor;
pub mod sim;
pub mod sysfs;

use std::path::PathBuf;
use std::time::Instant;

use pinlatch_protocol::line::Level;
use tokio::sync::mpsc;

pub use interface::{Driver, DriverError, Input, Open, Signal, Watch};

use self::interface::QUEUE;
use crate::config::{Config, DriverConfig, LineConfig};

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
