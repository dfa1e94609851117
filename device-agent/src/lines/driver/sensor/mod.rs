//! Reads the measurements of 1-wire thermometers, IIO devices and hwmon devices from sysfs. Each reading searches for
//! the device again. The agent therefore also finds a device that appears late or gets another number.

use std::io;
use std::path::{Path, PathBuf};

use super::interface::{DriverError, list};
use super::sysfs;
use crate::config::SensorPlace;
use crate::config::quantity;

/// Reads a sensor once and returns the value in the displayed unit. The function blocks for up to a second.
pub fn read(sysfs: &Path, place: &SensorPlace) -> Result<f64, DriverError> {
    let raw = match place {
        SensorPlace::W1 { device } => read_w1(sysfs, device)?,
        SensorPlace::Iio { device, channel } => read_iio(&find(&iio(sysfs), "IIO", device)?, channel)?,
        SensorPlace::Hwmon { device, channel } => {
            number(&find(&hwmon(sysfs), "hwmon", device)?, channel, "input")?
                .ok_or_else(|| no_channel(channel))?
        }
    };
    let value = raw * quantity::of(place).factor;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(DriverError("the measurement is not a finite number".into()))
    }
}

/// A measuring device in the kernel's subsystem IIO (Industrial I/O) or hwmon (hardware monitoring).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measuring {
    pub path: PathBuf,
    /// The content of the device's file `name`, which is usually the name of the chip.
    pub name: String,
    /// The name of the parent device, such as `1-0048`. The parent device distinguishes two chips of the same type.
    pub parent: Option<String>,
}

pub fn iio(sysfs: &Path) -> Vec<Measuring> {
    let folders = sysfs::entries(&sysfs.join("bus/iio/devices"), "iio:device");
    folders.into_iter().filter_map(|path| measuring(path, parent)).collect()
}

pub fn hwmon(sysfs: &Path) -> Vec<Measuring> {
    let folders = sysfs::entries(&sysfs.join("class/hwmon"), "hwmon");
    folders.into_iter().filter_map(|path| measuring(path, sysfs::device)).collect()
}

/// Returns the ids of the 1-wire thermometers.
pub fn w1(sysfs: &Path) -> Vec<String> {
    let folders = sysfs::entries(&sysfs.join("bus/w1/devices"), "");
    let warm = |path: &PathBuf| path.join("temperature").exists() || path.join("w1_slave").exists();
    folders.iter().filter(|path| warm(path)).filter_map(|path| sysfs::name_of(path)).map(Into::into).collect()
}

/// Returns the readable channels of a device. A channel is the name of a file without the ending `_input` or `_raw`.
pub fn channels(device: &Measuring, prefix: &str) -> Vec<String> {
    let mut found: Vec<String> = sysfs::entries(&device.path, prefix)
        .iter()
        .filter_map(|path| sysfs::name_of(path))
        .filter_map(|name| name.strip_suffix("_input").or_else(|| name.strip_suffix("_raw")))
        .map(Into::into)
        .collect();
    found.dedup();
    found
}

fn measuring(path: PathBuf, parent: impl Fn(&Path) -> Option<String>) -> Option<Measuring> {
    let name = sysfs::read(&path.join("name")).unwrap_or_default();
    let parent = parent(&path);
    (!name.is_empty() || parent.is_some()).then_some(Measuring { path, name, parent })
}

/// Returns the name of the parent device. The folder of an IIO device is inside the folder of its parent device.
fn parent(path: &Path) -> Option<String> {
    let real = std::fs::canonicalize(path).ok()?;
    sysfs::name_of(real.parent()?).map(Into::into)
}

fn find(devices: &[Measuring], bus: &str, wanted: &str) -> Result<PathBuf, DriverError> {
    let fits = |device: &&Measuring| device.name == wanted || device.parent.as_deref() == Some(wanted);
    let matches: Vec<&Measuring> = devices.iter().filter(fits).collect();
    match matches.as_slice() {
        [only] => Ok(only.path.clone()),
        [] => {
            let there = list(devices.iter().map(|device| device.name.as_str()));
            Err(DriverError(format!("no {bus} device is named {wanted:?}; available: {there}")))
        }
        several => {
            let parents = list(several.iter().filter_map(|device| device.parent.as_deref()));
            Err(DriverError(format!(
                "several {bus} devices are named {wanted:?}; set `device` to one of: {parents}"
            )))
        }
    }
}

fn no_channel(channel: &str) -> DriverError {
    DriverError(format!("the device has no channel {channel:?}"))
}

/// Reads the number in one file of a channel. Returns `None` if the file does not exist.
fn number(device: &Path, channel: &str, what: &str) -> Result<Option<f64>, DriverError> {
    let path = device.join(format!("{channel}_{what}"));
    match sysfs::read(&path) {
        Ok(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(DriverError(format!("{} contains {text:?}, not a number", path.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DriverError(format!("{}: {error}", path.display()))),
    }
}

/// Reads a channel of an IIO device. Returns the processed value if the kernel provides it, and otherwise (raw +
/// offset) × scale. All channels of the same type can share one offset and one scale.
fn read_iio(device: &Path, channel: &str) -> Result<f64, DriverError> {
    if let Some(processed) = number(device, channel, "input")? {
        return Ok(processed);
    }
    let raw = number(device, channel, "raw")?.ok_or_else(|| no_channel(channel))?;
    let shared = channel.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let of = |what: &str| match number(device, channel, what)? {
        None if shared != channel => number(device, shared, what),
        found => Ok(found),
    };
    Ok((raw + of("offset")?.unwrap_or(0.0)) * of("scale")?.unwrap_or(1.0))
}

/// Reads the file `temperature` of a 1-wire thermometer, which contains millidegrees Celsius. Older kernels provide
/// only the file `w1_slave`. The first text line of `w1_slave` ends with the result of the checksum.
fn read_w1(sysfs: &Path, id: &str) -> Result<f64, DriverError> {
    let device = sysfs.join("bus/w1/devices").join(id);
    if !device.exists() {
        let there = w1(sysfs);
        let there = list(there.iter().map(String::as_str));
        return Err(DriverError(format!("no 1-wire device has the id {id:?}; available: {there}")));
    }
    let path = device.join("temperature");
    let text = match sysfs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = device.join("w1_slave");
            let text =
                sysfs::read(&path).map_err(|error| DriverError(format!("{}: {error}", path.display())))?;
            let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
            if !first.ends_with("YES") {
                return Err(DriverError(format!("{id}: the checksum of the reading is wrong")));
            }
            second.rsplit_once("t=").map(|(_, value)| value.to_owned()).unwrap_or_default()
        }
        read => read.map_err(|error| DriverError(format!("{}: {error}", path.display())))?,
    };
    // The file of a disconnected thermometer is empty, so its text is not a number.
    text.parse().map_err(|_| DriverError(format!("{id}: the reading is {text:?}, not a number")))
}

#[cfg(test)]
mod tests;
