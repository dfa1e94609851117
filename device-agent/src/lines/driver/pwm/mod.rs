//! Drives hardware PWM channels through sysfs. The kernel's documentation describes the interface in
//! `Documentation/ABI/testing/sysfs-class-pwm` and `Documentation/driver-api/pwm.rst`.
//!
//! The kernel checks every write to a PWM channel. The kernel rejects a duty cycle that is longer than the period.
//! While the period is 0, the kernel rejects all other values. While the channel is enabled, the kernel rejects a
//! change of the polarity. The driver must therefore write the values in a suitable order.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pinlatch_protocol::line::{Level, Rgb};

use super::interface::{Driver, DriverError, list};
use super::sysfs;
use crate::config::{PwmConfig, Shape};

/// The polling interval while the agent waits until udev makes the files of a new channel writable.
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PwmChip {
    pub path: PathBuf,
    /// The name of the PWM chip's device, which stays the same between kernels.
    pub device: String,
    pub channels: u32,
}

pub fn chips(sysfs: &Path) -> Vec<PwmChip> {
    let folders = sysfs::entries(&sysfs.join("class/pwm"), "pwmchip");
    let chip = |path: PathBuf| {
        let channels = sysfs::read(&path.join("npwm")).ok()?.parse().ok()?;
        Some(PwmChip { device: sysfs::device(&path)?, channels, path })
    };
    folders.into_iter().filter_map(chip).collect()
}

/// Writes to sysfs attributes. Tests replace the kernel with another implementation of this trait.
trait Attributes {
    fn write(&self, path: &Path, value: &str) -> io::Result<()>;
}

struct Kernel;

impl Attributes for Kernel {
    fn write(&self, path: &Path, value: &str) -> io::Result<()> {
        sysfs::write(path, value)
    }
}

/// Opens the PWM channels of a line and starts the signal with the level `start`. If a channel is not exported, the
/// function exports the channel. The function then waits until the time `patience` for udev to make the channel's files
/// writable.
pub fn open(
    sysfs: &Path,
    config: &PwmConfig,
    start: Level,
    patience: Instant,
) -> Result<Box<dyn Driver>, DriverError> {
    Ok(Box::new(PwmOutput::open(Kernel, sysfs, config, start, patience)?))
}

struct PwmOutput<A> {
    kernel: A,
    config: PwmConfig,
    channels: Vec<PathBuf>,
}

impl<A: Attributes> PwmOutput<A> {
    fn open(
        kernel: A,
        sysfs: &Path,
        config: &PwmConfig,
        start: Level,
        patience: Instant,
    ) -> Result<Self, DriverError> {
        let chips = chips(sysfs);
        let chip = resolve(config, &chips)?;
        let folder = |channel: &u32| chip.path.join(format!("pwm{channel}"));
        let channels: Vec<PathBuf> = config.channels.iter().map(folder).collect();
        let output = Self { kernel, config: config.clone(), channels };
        for (channel, folder) in output.config.channels.iter().zip(&output.channels) {
            output.export(&chip.path, *channel, folder, patience)?;
        }
        for (folder, duty) in output.channels.iter().zip(duties(config, start)?) {
            output.begin(folder, duty)?;
        }
        Ok(output)
    }

    fn export(&self, chip: &Path, channel: u32, folder: &Path, patience: Instant) -> Result<(), DriverError> {
        if !folder.exists() {
            let exported = self.kernel.write(&chip.join("export"), &channel.to_string());
            exported.map_err(|error| {
                let why = match error.kind() {
                    ErrorKind::ResourceBusy => " is in use by another program or by the kernel",
                    ErrorKind::PermissionDenied => {
                        " cannot be exported (check whether this user is in the group gpio)"
                    }
                    _ => " cannot be exported",
                };
                self.fault(channel, format!("{why}: {error}"))
            })?;
        }
        loop {
            let writable =
                ["duty_cycle", "enable"].map(|name| OpenOptions::new().write(true).open(folder.join(name)));
            let Some(error) = writable.into_iter().find_map(Result::err) else { return Ok(()) };
            let settling = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
            if !settling || Instant::now() >= patience {
                let why = " is exported, but its files are not writable (a udev rule must make them writable for the group gpio)";
                return Err(self.fault(channel, format!("{why}: {error}")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn fault(&self, channel: u32, why: String) -> DriverError {
        DriverError(format!("{} channel {channel}{why}", self.config.chip))
    }

    /// Writes the period, the polarity, the duty cycle and the enable flag of a channel in this order, so that the
    /// kernel accepts every write.
    fn begin(&self, folder: &Path, duty: u64) -> Result<(), DriverError> {
        let number = |name: &str| -> Result<u64, DriverError> {
            let path = folder.join(name);
            let text = sysfs::read(&path).map_err(|error| broken(&path, &error))?;
            text.parse()
                .map_err(|_| DriverError(format!("{} contains {text:?}, not a number", path.display())))
        };
        let period = number("period")?;
        if period != self.config.period_ns {
            // A new period must not be shorter than the old duty cycle. If the old period is 0, the old duty cycle has
            // no effect.
            if period != 0 && number("duty_cycle")? != 0 {
                self.write(folder, "duty_cycle", 0)?;
            }
            self.write(folder, "period", self.config.period_ns)?;
        }
        let mut enabled = number("enable")? != 0;
        let wanted = if self.config.active_low { "inversed" } else { "normal" };
        let polarity = folder.join("polarity");
        match sysfs::read(&polarity) {
            Ok(current) if current == wanted => {}
            // A PWM chip that does not support a change of polarity has no file `polarity`.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.config.active_low => {}
            _ => {
                if enabled {
                    self.write(folder, "enable", 0)?;
                    enabled = false;
                }
                self.write(folder, "polarity", wanted)?;
            }
        }
        self.write(folder, "duty_cycle", duty)?;
        if !enabled {
            self.write(folder, "enable", 1)?;
        }
        Ok(())
    }

    fn write(&self, folder: &Path, name: &str, value: impl ToString) -> Result<(), DriverError> {
        let path = folder.join(name);
        self.kernel.write(&path, &value.to_string()).map_err(|error| broken(&path, &error))
    }
}

impl<A: Attributes> Driver for PwmOutput<A> {
    fn set(&mut self, level: Level) -> Result<(), DriverError> {
        for (folder, duty) in self.channels.iter().zip(duties(&self.config, level)?) {
            self.write(folder, "duty_cycle", duty)?;
        }
        Ok(())
    }
}

fn broken(path: &Path, error: &io::Error) -> DriverError {
    DriverError(format!("{}: {error}", path.display()))
}

fn resolve<'a>(config: &PwmConfig, chips: &'a [PwmChip]) -> Result<&'a PwmChip, DriverError> {
    let mut matches = chips.iter().filter(|chip| chip.device == config.chip);
    let Some(chip) = matches.next() else {
        let there = list(chips.iter().map(|chip| chip.device.as_str()));
        return Err(DriverError(format!(
            "no PWM chip belongs to the device {:?}; available: {there}",
            config.chip
        )));
    };
    if let Some(other) = matches.next() {
        let (one, other) = (chip.path.display(), other.path.display());
        return Err(DriverError(format!("{} has several PWM chips: {one}, {other}", config.chip)));
    }
    match config.channels.iter().find(|channel| **channel >= chip.channels) {
        Some(channel) => Err(DriverError(format!(
            "{} has {} channels, numbered from 0, and no channel {channel}",
            config.chip, chip.channels
        ))),
        None => Ok(chip),
    }
}

/// Returns the duty cycle of each channel for a level, in nanoseconds.
fn duties(config: &PwmConfig, level: Level) -> Result<Vec<u64>, DriverError> {
    let part = |part: f64, gamma: f64| {
        let period = config.period_ns;
        // The conversion to `f64` is exact up to 2^53 ns, and a period is at most one second.
        ((part.clamp(0.0, 1.0).powf(gamma) * period as f64).round() as u64).min(period)
    };
    match (config.shape, level) {
        (Shape::Light { gamma }, Level::Number(number)) => Ok(vec![part(number, gamma)]),
        (Shape::Light { gamma }, Level::Colour(Rgb(red, green, blue))) => {
            Ok([red, green, blue].map(|byte| part(f64::from(byte) / 255.0, gamma)).into())
        }
        (Shape::Servo { at_0, at_180 }, Level::Number(degrees)) => {
            let turned = degrees.clamp(0.0, 180.0) / 180.0;
            let pulse = at_0 as f64 + (at_180 as f64 - at_0 as f64) * turned;
            Ok(vec![(pulse.round() as u64).min(config.period_ns)])
        }
        _ => Err(DriverError("a PWM channel cannot output this type of value".into())),
    }
}

#[cfg(test)]
mod tests;
