//! Lists the hardware of this machine that can be used as lines, with the matching configuration keys. The command
//! `pinlatch-agent lines` shows this list.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::driver::{gpio, pwm, sensor};

/// All usable hardware.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    pub gpio: Vec<GpioChip>,
    /// Reason why the GPIO chips could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpio_error: Option<String>,
    pub pwm: Vec<PwmChip>,
    pub iio: Vec<Measuring>,
    pub hwmon: Vec<Measuring>,
    /// Ids of the 1-wire thermometers.
    pub w1: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpioChip {
    /// The chip's label, which is the value for the key `chip`.
    pub chip: String,
    pub path: String,
    /// GPIO lines in the order of their offsets.
    pub lines: Vec<GpioLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpioLine {
    pub offset: u32,
    /// The name of the GPIO line, which is the value for the key `gpio`.
    pub name: Option<String>,
    /// Whether a program or the kernel uses the GPIO line.
    pub used: bool,
    /// The program that uses the GPIO line.
    pub consumer: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PwmChip {
    /// The chip's device, which is the value for the key `pwm`.
    pub pwm: String,
    pub path: String,
    /// Number of channels, counted from 0.
    pub channels: u32,
}

/// An IIO or hwmon device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measuring {
    /// Value for the key `device`: the device's name, or its parent's name if several devices have the same name.
    pub device: String,
    /// Content of the device's `name` file.
    pub name: String,
    /// Values for the key `channel`.
    pub channels: Vec<String>,
}

impl Survey {
    /// Examines this machine.
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

    /// Text for people, with one item per text line. Values have the syntax of the configuration file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |line: std::fmt::Arguments<'_>| {
            // Writing to a `String` cannot fail.
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
