//! Lists the hardware of this machine that the agent can use, with the matching configuration keys. The command
//! `pinlatch-agent lines` shows the list.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::driver::{gpio, pwm, sensor};

/// The hardware of this machine that the agent can use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    pub gpio: Vec<GpioChip>,
    /// The reason why the GPIO chips could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpio_error: Option<String>,
    pub pwm: Vec<PwmChip>,
    pub iio: Vec<Measuring>,
    pub hwmon: Vec<Measuring>,
    /// The ids of the 1-wire thermometers.
    pub w1: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpioChip {
    /// The label of the GPIO chip, which is the value for the configuration key `chip`.
    pub chip: String,
    pub path: String,
    /// The GPIO lines of the chip in the order of their offsets.
    pub lines: Vec<GpioLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpioLine {
    pub offset: u32,
    /// The name of the GPIO line, which is the value for the configuration key `gpio`.
    pub name: Option<String>,
    /// Is true if a program or the kernel uses the GPIO line.
    pub used: bool,
    /// The name of the program that uses the GPIO line.
    pub consumer: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PwmChip {
    /// The name of the PWM chip's device, which is the value for the configuration key `pwm`.
    pub pwm: String,
    pub path: String,
    /// The number of PWM channels. The channels are numbered from 0.
    pub channels: u32,
}

/// A measuring device in the kernel's subsystem IIO (Industrial I/O) or hwmon (hardware monitoring).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measuring {
    /// The value for the configuration key `device`. The value is the name of the device, or the name of its parent
    /// device if several devices have the same name.
    pub device: String,
    /// The content of the device's file `name`.
    pub name: String,
    /// The values for the configuration key `channel`.
    pub channels: Vec<String>,
}

impl Survey {
    /// Creates the list of this machine's usable hardware.
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

    /// Returns the list of hardware as text for people, with one item in each text line. All values have the syntax of
    /// the configuration file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |line: std::fmt::Arguments<'_>| {
            // The result is ignored, because writing to a `String` cannot fail.
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
