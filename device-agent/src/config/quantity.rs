//! Converts the kernel's measurements to displayed values. Each type of channel has a unit in sysfs and a displayed
//! unit.
//!
//! The kernel's units are documented in `Documentation/ABI/testing/sysfs-bus-iio`,
//! `Documentation/hwmon/sysfs-interface.rst` and `Documentation/w1/slaves/w1_therm.rst`.

use super::settings::SensorPlace;

/// The conversion of a number in sysfs to a displayed number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// The factor by which the number in sysfs is multiplied.
    pub factor: f64,
    /// The unit of the number after the multiplication.
    pub unit: Option<&'static str>,
    /// The number of displayed decimal places.
    pub precision: u8,
}

/// The conversion for an unknown type of channel.
pub const UNKNOWN: Quantity = Quantity { factor: 1.0, unit: None, precision: 3 };

const fn quantity(factor: f64, unit: &'static str, precision: u8) -> Quantity {
    Quantity { factor, unit: Some(unit), precision }
}

/// Returns the conversion for a sensor, which depends on the type of the sensor's channel.
pub fn of(place: &SensorPlace) -> Quantity {
    match place {
        SensorPlace::W1 { .. } => quantity(0.001, "°C", 1),
        SensorPlace::Iio { channel, .. } => of_iio(word(channel.strip_prefix("in_").unwrap_or(channel))),
        SensorPlace::Hwmon { channel, .. } => of_hwmon(word(channel)),
    }
}

/// Returns the type of a channel, which consists of the letters at the start of the channel's name.
fn word(channel: &str) -> &str {
    let end = channel.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(channel.len());
    channel.get(..end).unwrap_or(channel)
}

fn of_iio(word: &str) -> Quantity {
    match word {
        "temp" => quantity(0.001, "°C", 1),
        "humidityrelative" => quantity(0.001, "%", 1),
        // The kernel reports air pressure in kilopascals, but weather reports use hectopascals.
        "pressure" => quantity(10.0, "hPa", 1),
        "voltage" | "altvoltage" => quantity(0.001, "V", 3),
        "current" => quantity(0.001, "A", 3),
        "power" => quantity(0.001, "W", 3),
        "illuminance" => quantity(1.0, "lx", 0),
        "resistance" => quantity(1.0, "Ω", 1),
        "accel" => quantity(1.0, "m/s²", 2),
        "anglvel" => quantity(1.0, "rad/s", 3),
        "magn" => quantity(1.0, "G", 3),
        _ => UNKNOWN,
    }
}

fn of_hwmon(word: &str) -> Quantity {
    match word {
        "temp" => quantity(0.001, "°C", 1),
        "humidity" => quantity(0.001, "%", 1),
        "in" => quantity(0.001, "V", 3),
        "curr" => quantity(0.001, "A", 3),
        "power" => quantity(0.000_001, "W", 2),
        "energy" => quantity(0.000_001, "J", 0),
        "fan" => quantity(1.0, "RPM", 0),
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_units_become_those_of_people() {
        let iio = |channel: &str| of(&SensorPlace::Iio { device: "x".into(), channel: channel.into() });
        let hwmon = |channel: &str| of(&SensorPlace::Hwmon { device: "x".into(), channel: channel.into() });
        assert_eq!(iio("in_temp"), quantity(0.001, "°C", 1));
        assert_eq!(iio("in_voltage0-voltage1"), quantity(0.001, "V", 3));
        assert_eq!(iio("in_humidityrelative").unit, Some("%"));
        assert_eq!(iio("in_pressure0"), quantity(10.0, "hPa", 1));
        assert_eq!(hwmon("temp1").unit, Some("°C"));
        assert_eq!(hwmon("in0").unit, Some("V"));
        assert_eq!(hwmon("power12").factor, 0.000_001);
        assert_eq!((iio("in_proximity"), hwmon("pwm1")), (UNKNOWN, UNKNOWN));
    }
}
