//! Validates the configuration keys of each driver.

use pinlatch_protocol::line::LineKind;
use toml::Spanned;

use super::super::raw::{self, Driver};
use super::super::settings::{DriverConfig, GpioConfig, GpioPlace, PwmConfig, SensorPlace, Shape, Simulator};
use super::checker::Checker;

/// The allowed range of the key `frequency_hz`.
pub(super) const FREQUENCIES_HZ: std::ops::RangeInclusive<u32> = 1..=1_000_000;
/// The default of the key `frequency_hz` of a dimmer or a colour LED. At this frequency, flicker is not visible.
pub(super) const DEFAULT_FREQUENCY_HZ: u32 = 1_000;
/// The usual frequency of the PWM signal of a servo, in hertz.
pub(super) const SERVO_FREQUENCY_HZ: u32 = 50;
/// The default of the key `pulse_us` of a servo.
pub(super) const DEFAULT_PULSE_US: [u32; 2] = [500, 2_500];
/// The allowed range of both values of the key `pulse_us`. The period of a servo's PWM signal is 20,000 µs.
pub(super) const PULSES_US: std::ops::RangeInclusive<u32> = 100..=10_000;
/// The allowed range of the key `gamma`.
pub(super) const GAMMAS: std::ops::RangeInclusive<f64> = 0.1..=10.0;
/// The highest allowed number of a PWM channel.
pub(super) const MAX_CHANNEL: u32 = 255;
/// The maximum length of the name of a device or a channel in sysfs, in bytes.
pub(super) const MAX_SYSFS_NAME: usize = 64;

/// Returns the GPIO lines or PWM channels of a driver as texts for error messages. Only one configured line is allowed
/// to use the same GPIO line or PWM channel.
pub(super) fn occupied(driver: &DriverConfig) -> Vec<String> {
    match driver {
        DriverConfig::Sim | DriverConfig::Sensor(_) => Vec::new(),
        DriverConfig::Gpio(gpio) => vec![gpio.place.to_string()],
        DriverConfig::Pwm(pwm) => {
            pwm.channels.iter().map(|channel| format!("{} channel {channel}", pwm.chip)).collect()
        }
    }
}

impl Checker<'_> {
    /// Returns the validated settings of the line's driver. The result is `None` if a key is missing or invalid.
    pub(super) fn driver(
        &mut self,
        name: &Spanned<String>,
        line: &raw::Line,
        simulator: Option<&Simulator>,
    ) -> Option<DriverConfig> {
        let driver = *line.driver.get_ref();
        self.suits(line, driver);
        self.belongs(line, driver);
        match driver {
            Driver::Sim => {
                self.simulated(name, line, simulator);
                Some(DriverConfig::Sim)
            }
            Driver::Gpio => self.gpio(name, line).map(DriverConfig::Gpio),
            Driver::Pwm => self.pwm(name, line).map(DriverConfig::Pwm),
            Driver::W1 | Driver::Iio | Driver::Hwmon => {
                self.sensor(name, line, driver).map(DriverConfig::Sensor)
            }
        }
    }

    fn suits(&mut self, line: &raw::Line, driver: Driver) {
        use LineKind::{Contact, Dimmer, Momentary, Rgb, Sensor, Servo, Switch};
        let (kinds, words): (&[LineKind], _) = match driver {
            Driver::Sim => return,
            Driver::Gpio => (
                &[Switch, Momentary, Contact],
                "the driver gpio supports only the kinds switch, momentary and contact",
            ),
            Driver::Pwm => {
                (&[Dimmer, Rgb, Servo], "the driver pwm supports only the kinds dimmer, rgb and servo")
            }
            Driver::W1 | Driver::Iio | Driver::Hwmon => {
                (&[Sensor], "the drivers w1, iio and hwmon support only the kind sensor")
            }
        };
        if !kinds.contains(line.kind.get_ref()) {
            self.add("config_driver", Some(line.driver.span()), words);
        }
    }

    /// Reports an error for each key that is not allowed for this driver.
    fn belongs(&mut self, line: &raw::Line, driver: Driver) {
        let kind = *line.kind.get_ref();
        let (gpio, pwm) = (driver == Driver::Gpio, driver == Driver::Pwm);
        let sensor = matches!(driver, Driver::W1 | Driver::Iio | Driver::Hwmon);
        let light = pwm && kind != LineKind::Servo;
        self.only("gpio", &line.gpio, gpio, "driver = \"gpio\"");
        self.only("chip", &line.chip, gpio, "driver = \"gpio\"");
        self.only("offset", &line.offset, gpio, "driver = \"gpio\"");
        self.only("active_low", &line.active_low, gpio || pwm, "the drivers gpio and pwm");
        self.only("drive", &line.drive, gpio && kind != LineKind::Contact, "gpio outputs");
        self.only("bias", &line.bias, gpio && kind == LineKind::Contact, "gpio contacts");
        self.only("pwm", &line.pwm, pwm, "driver = \"pwm\"");
        let one = pwm && kind != LineKind::Rgb || matches!(driver, Driver::Iio | Driver::Hwmon);
        self.only(
            "channel",
            &line.channel,
            one,
            "dimmers and servos with the driver pwm, and lines with the driver iio or hwmon",
        );
        self.only("channels", &line.channels, pwm && kind == LineKind::Rgb, "pwm rgb lines");
        self.only("frequency_hz", &line.frequency_hz, light, "dimmers and rgb lines with the driver pwm");
        self.only("gamma", &line.gamma, light, "dimmers and rgb lines with the driver pwm");
        self.only("pulse_us", &line.pulse_us, pwm && kind == LineKind::Servo, "pwm servos");
        self.only("device", &line.device, sensor, "the drivers w1, iio and hwmon");
        self.only("interval_s", &line.interval_s, sensor, "the drivers w1, iio and hwmon");
    }

    fn simulated(&mut self, name: &Spanned<String>, line: &raw::Line, simulator: Option<&Simulator>) {
        let input = matches!(line.kind.get_ref(), LineKind::Contact | LineKind::Sensor);
        match simulator {
            None => self.add(
                "config_missing",
                Some(line.driver.span()),
                "a simulated line needs the table [simulator]",
            ),
            Some(Simulator { socket: None, .. }) if input => self.add(
                "config_missing",
                Some(name.span()),
                format!("a simulated {} needs `socket` in [simulator]", line.kind.get_ref()),
            ),
            Some(_) => {}
        }
    }

    fn gpio(&mut self, name: &Spanned<String>, line: &raw::Line) -> Option<GpioConfig> {
        let place = match (&line.gpio, &line.chip, &line.offset) {
            (Some(gpio), None, None) => GpioPlace::Name(gpio.get_ref().clone()),
            (None, Some(chip), Some(offset)) => {
                self.stable_name(chip, "gpiochip");
                GpioPlace::Chip { label: chip.get_ref().clone(), offset: *offset.get_ref() }
            }
            (None, None, None) => {
                let message =
                    "`gpio` is missing: set for example `gpio = \"GPIO17\"`, or set `chip` and `offset`";
                self.add("config_missing", Some(name.span()), message);
                return None;
            }
            (Some(gpio), ..) => {
                let message = "set either `gpio`, or `chip` and `offset`, but not both";
                self.add("config_conflict", Some(gpio.span()), message);
                return None;
            }
            (None, ..) => {
                let message = "`chip` and `offset` must be set together";
                self.add("config_missing", Some(name.span()), message);
                return None;
            }
        };
        Some(GpioConfig {
            place,
            active_low: line.active_low.as_ref().is_some_and(|low| *low.get_ref()),
            drive: line.drive.as_ref().map(|drive| *drive.get_ref()).unwrap_or_default(),
            bias: line.bias.as_ref().map(|bias| *bias.get_ref()),
        })
    }

    /// Reports an error if a name contains a chip number, such as `gpiochip0`. The kernel assigns chip numbers at each
    /// boot, so a chip number can change.
    fn stable_name(&mut self, name: &Spanned<String>, numbered: &str) {
        if name.get_ref().starts_with(numbered) {
            let message = format!(
                "use the chip's label or device, which `pinlatch-agent lines` shows, because {numbered} \
                 numbers change between kernels"
            );
            self.add("config_value", Some(name.span()), message);
        }
    }

    fn pwm(&mut self, name: &Spanned<String>, line: &raw::Line) -> Option<PwmConfig> {
        let kind = *line.kind.get_ref();
        let servo = kind == LineKind::Servo;
        let frequency = self.number("frequency_hz", line.frequency_hz.as_ref(), FREQUENCIES_HZ);
        let frequency = frequency.unwrap_or(if servo { SERVO_FREQUENCY_HZ } else { DEFAULT_FREQUENCY_HZ });
        let gamma = self.number("gamma", line.gamma.as_ref(), GAMMAS).unwrap_or(1.0);
        let [at_0, at_180] = self.pulses(line);
        let Some(chip) = &line.pwm else {
            let message = "`pwm` is missing: set for example `pwm = \"fe20c000.pwm\"` (`pinlatch-agent lines` lists the PWM chips)";
            self.add("config_missing", Some(name.span()), message);
            return None;
        };
        self.stable_name(chip, "pwmchip");
        let channels = self.pwm_channels(name, line, kind)?;
        Some(PwmConfig {
            chip: chip.get_ref().clone(),
            channels,
            period_ns: 1_000_000_000 / u64::from(frequency.max(1)),
            active_low: line.active_low.as_ref().is_some_and(|low| *low.get_ref()),
            shape: if servo {
                Shape::Servo { at_0: u64::from(at_0) * 1_000, at_180: u64::from(at_180) * 1_000 }
            } else {
                Shape::Light { gamma }
            },
        })
    }

    fn pulses(&mut self, line: &raw::Line) -> [u32; 2] {
        let Some(pulses) = &line.pulse_us else { return DEFAULT_PULSE_US };
        match pulses.get_ref().as_slice() {
            [at_0, at_180] if at_0 != at_180 && PULSES_US.contains(at_0) && PULSES_US.contains(at_180) => {
                [*at_0, *at_180]
            }
            _ => {
                let (least, most) = PULSES_US.into_inner();
                let message = format!(
                    "`pulse_us` must be two different numbers from {least} to {most}: the pulse lengths in µs at 0 and at 180 degrees"
                );
                self.add("config_value", Some(pulses.span()), message);
                DEFAULT_PULSE_US
            }
        }
    }

    fn pwm_channels(&mut self, name: &Spanned<String>, line: &raw::Line, kind: LineKind) -> Option<Vec<u32>> {
        if kind == LineKind::Rgb {
            let Some(channels) = &line.channels else {
                let message =
                    "`channels` is missing: set for example `channels = [0, 1, 2]` for red, green and blue";
                self.add("config_missing", Some(name.span()), message);
                return None;
            };
            let numbers = channels.get_ref();
            if numbers.len() != 3 || numbers.iter().any(|channel| *channel > MAX_CHANNEL) {
                let message = format!("`channels` must be three numbers from 0 to {MAX_CHANNEL}");
                self.add("config_value", Some(channels.span()), message);
                return None;
            }
            return Some(numbers.clone());
        }
        let Some(channel) = &line.channel else {
            let message = "`channel` is missing: set the PWM channel's number, for example `channel = 0`";
            self.add("config_missing", Some(name.span()), message);
            return None;
        };
        let number = channel.get_ref().as_integer().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| *number <= MAX_CHANNEL);
        if number.is_none() {
            let message = format!("`channel` of a pwm line must be a number from 0 to {MAX_CHANNEL}");
            self.add("config_value", Some(channel.span()), message);
        }
        number.map(|number| vec![number])
    }

    fn sensor(&mut self, name: &Spanned<String>, line: &raw::Line, driver: Driver) -> Option<SensorPlace> {
        let Some(device) = &line.device else {
            let message =
                "`device` is missing: set the sensor's device (`pinlatch-agent lines` lists the devices)";
            self.add("config_missing", Some(name.span()), message);
            return None;
        };
        let word = device.get_ref().clone();
        if driver == Driver::W1 {
            if !is_w1_id(&word) {
                let message = "`device` must be the id of a 1-wire device, such as \"28-00000abcdef0\"";
                self.add("config_value", Some(device.span()), message);
            }
            return Some(SensorPlace::W1 { device: word });
        }
        if word.is_empty() || word.len() > MAX_SYSFS_NAME {
            let message = format!("`device` must have 1 to {MAX_SYSFS_NAME} bytes");
            self.add("config_value", Some(device.span()), message);
        }
        let (example, prefix) = if driver == Driver::Iio { ("in_temp", "in_") } else { ("temp1", "") };
        let Some(channel) = &line.channel else {
            let message = format!("`channel` is missing: set for example `channel = \"{example}\"`");
            self.add("config_missing", Some(name.span()), message);
            return None;
        };
        let found = channel.get_ref().as_str().filter(|text| is_channel(text) && text.starts_with(prefix));
        let Some(found) = found else {
            let message = format!(
                "`channel` must be the common prefix of the channel's file names in sysfs, for example \"{example}\""
            );
            self.add("config_value", Some(channel.span()), message);
            return None;
        };
        let channel = found.to_owned();
        Some(match driver {
            Driver::Iio => SensorPlace::Iio { device: word, channel },
            _ => SensorPlace::Hwmon { device: word, channel },
        })
    }
}

/// Returns whether the text is the id of a 1-wire device. The kernel writes this id as a family code and a serial
/// number in hexadecimal digits.
fn is_w1_id(text: &str) -> bool {
    let hex = |part: &str, length| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    text.split_once('-').is_some_and(|(family, serial)| hex(family, 2) && hex(serial, 12))
}

/// Returns whether the text can be the first part of a file name in sysfs. The text must not contain a path separator.
/// The text must not contain the last part of the file name, such as `_input`, because the driver adds the last part.
fn is_channel(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let complete = ["_input", "_raw", "_scale", "_offset"].iter().any(|end| text.ends_with(end));
    (1..=MAX_SYSFS_NAME).contains(&text.len()) && text.bytes().all(plain) && !complete
}
