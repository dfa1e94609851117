//! What this machine has that could be a line, for `pinlatch-agent lines`: each with the words to put into the
//! configuration.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::driver::{gpio, pwm, sensor};

/// Everything that could be a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// GPIO chips.
    pub gpio: Vec<GpioChip>,
    /// Why the GPIO chips could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpio_error: Option<String>,
    /// PWM chips.
    pub pwm: Vec<PwmChip>,
    /// IIO devices.
    pub iio: Vec<Measuring>,
    /// hwmon devices.
    pub hwmon: Vec<Measuring>,
    /// The ids of 1-wire thermometers.
    pub w1: Vec<String>,
}

/// A GPIO chip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpioChip {
    /// Its label, for `chip`.
    pub chip: String,
    /// Its device file.
    pub path: String,
    /// Its lines by offset.
    pub lines: Vec<GpioLine>,
}

/// A GPIO line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpioLine {
    /// For `offset`.
    pub offset: u32,
    /// Its name, for `gpio`.
    pub name: Option<String>,
    /// Whether somebody holds it.
    pub used: bool,
    /// Who.
    pub consumer: Option<String>,
}

/// A PWM chip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PwmChip {
    /// Its device, for `pwm`.
    pub pwm: String,
    /// Its folder.
    pub path: String,
    /// How many channels it has, from 0 on.
    pub channels: u32,
}

/// A device that measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measuring {
    /// For `device`: its name, or its parent's where the name is not its own.
    pub device: String,
    /// What its `name` says.
    pub name: String,
    /// For `channel`.
    pub channels: Vec<String>,
}

impl Survey {
    /// Looks at this machine.
    pub fn take(sysfs: &Path) -> Self {
        let (gpio, gpio_error) = match gpio::survey() {
            Ok(chips) => (chips.into_iter().map(gpio_chip).collect(), None),
            Err(error) => (Vec::new(), Some(error.0)),
        };
        let chip = |chip: pwm::PwmChip| PwmChip {
            pwm: chip.device,
            path: chip.path.display().to_string(),
            channels: chip.channels,
        };
        Self {
            gpio,
            gpio_error,
            pwm: pwm::chips(sysfs).into_iter().map(chip).collect(),
            iio: measuring(&sensor::iio(sysfs), "in_"),
            hwmon: measuring(&sensor::hwmon(sysfs), ""),
            w1: sensor::w1(sysfs),
        }
    }

    /// For people, a line each; what can be put into the configuration is written as it stands there.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |line: std::fmt::Arguments<'_>| {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{line}");
        };
        if let Some(error) = &self.gpio_error {
            say(format_args!("{error}"));
        } else if self.gpio.is_empty() {
            say(format_args!("this machine has no GPIO chip"));
        }
        for GpioChip { chip, path, lines } in &self.gpio {
            say(format_args!("chip = {chip:?} ({path}, {} lines)", lines.len()));
            for GpioLine { offset, name, used, consumer } in lines {
                let name = name.as_deref().unwrap_or("-");
                let holder = if *used { consumer.as_deref().unwrap_or("the kernel") } else { "free" };
                say(format_args!("  {offset:>3}  {name:<24} {holder}"));
            }
        }
        for PwmChip { pwm, path, channels } in &self.pwm {
            let last = channels.saturating_sub(1);
            say(format_args!("driver = \"pwm\", pwm = {pwm:?}, channel = 0 to {last} ({path})"));
        }
        for (driver, devices) in [("iio", &self.iio), ("hwmon", &self.hwmon)] {
            for Measuring { device, name, channels } in devices {
                for channel in channels {
                    say(format_args!(
                        "driver = {driver:?}, device = {device:?}, channel = {channel:?} ({name})"
                    ));
                }
            }
        }
        for id in &self.w1 {
            say(format_args!("driver = \"w1\", device = {id:?}"));
        }
        text
    }
}

fn gpio_chip(chip: gpio::ChipInfo) -> GpioChip {
    let line = |(offset, line): (u32, gpio::LineInfo)| GpioLine {
        offset,
        name: line.name,
        used: line.used,
        consumer: line.consumer,
    };
    GpioChip {
        chip: chip.label,
        path: chip.path.display().to_string(),
        lines: (0u32..).zip(chip.lines).map(line).collect(),
    }
}

fn measuring(devices: &[sensor::Measuring], prefix: &str) -> Vec<Measuring> {
    let own = |name: &str| devices.iter().filter(|device| device.name == name).count() == 1;
    let word = |device: &sensor::Measuring| match &device.parent {
        Some(parent) if !own(&device.name) => parent.clone(),
        _ => device.name.clone(),
    };
    devices
        .iter()
        .map(|device| Measuring {
            device: word(device),
            name: device.name.clone(),
            channels: sensor::channels(device, prefix),
        })
        .filter(|device| !device.channels.is_empty())
        .collect()
}
