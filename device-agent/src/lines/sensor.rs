//! Schedules the readings of one sensor and decides which changes are reported.

use std::time::Duration;

use pinlatch_protocol::line::Level;
use tokio::time::Instant;

use super::driver::DriverError;
use crate::config::Sensing;

/// The time limit of one reading. The slowest usual sensor, a 1-wire thermometer, needs less than a second.
pub const READ_LIMIT: Duration = Duration::from_secs(10);

pub struct Sensor {
    interval: Duration,
    min_change: f64,
    /// Ten to the power of the sensor's precision, where the precision is the number of decimal places.
    scale: f64,
    level: Option<f64>,
    /// The last measurement and its time.
    measured: Option<(f64, Instant)>,
    fault: Option<DriverError>,
    /// The time of the next reading. The value is `None` if the simulator sends the readings.
    due: Option<Instant>,
    /// The time limit of the reading that is in progress.
    reading: Option<Reading>,
}

/// A reading that is in progress.
#[derive(Debug, Clone, Copy)]
struct Reading {
    until: Instant,
    /// Is true after the time limit. The reading can still end.
    is_late: bool,
}

impl Sensor {
    /// Creates a sensor. If `polled` is true, the first reading is due immediately, and further readings are due after
    /// each interval.
    pub fn new(sensing: &Sensing, polled: bool, now: Instant) -> Self {
        Self {
            interval: sensing.interval,
            min_change: sensing.min_change,
            scale: 10f64.powi(sensing.precision.into()),
            level: None,
            measured: None,
            fault: None,
            due: polled.then_some(now),
            reading: None,
        }
    }

    /// Returns the last reported number. The result is `None` while the sensor cannot be read.
    pub fn level(&self) -> Option<Level> {
        self.level.map(Level::Number)
    }

    /// Returns the last measurement and its time. The result is `None` while the sensor cannot be read.
    pub fn measured(&self) -> Option<(Level, Instant)> {
        self.measured.map(|(number, at)| (Level::Number(number), at))
    }

    /// Returns the reason why the sensor cannot be read, if the last reading failed.
    pub fn fault(&self) -> Option<&DriverError> {
        self.fault.as_ref()
    }

    /// Returns the time at which [`Sensor::begin`] or [`Sensor::is_stuck`] must run next.
    pub fn next_due(&self) -> Option<Instant> {
        match self.reading {
            Some(reading) => (!reading.is_late).then_some(reading.until),
            None => self.due,
        }
    }

    /// Returns true once if the reading in progress has reached its time limit. The level is then unknown, because the
    /// last level can be old.
    #[must_use]
    pub fn is_stuck(&mut self, now: Instant) -> bool {
        let Some(reading) = self.reading.as_mut().filter(|reading| !reading.is_late && reading.until <= now)
        else {
            return false;
        };
        reading.is_late = true;
        (self.level, self.measured) = (None, None);
        let limit = READ_LIMIT.as_secs();
        self.fault = Some(DriverError(format!("the sensor has not answered for {limit} s")));
        true
    }

    /// Returns whether the caller must start a reading now. Two readings of a sensor never run at the same time.
    pub fn begin(&mut self, now: Instant) -> bool {
        if self.reading.is_some() || self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.reading = Some(Reading { until: now + READ_LIMIT, is_late: false });
        self.due = Some(now + self.interval);
        true
    }

    /// Handles the result of a reading. Returns `Some(false)` if the sensor starts to fail, and `Some(true)` if the
    /// sensor works again. Returns `None` if neither has happened.
    pub fn take(&mut self, reading: Result<f64, DriverError>, now: Instant) -> Option<bool> {
        self.reading = None;
        let worked = self.fault.is_none();
        match reading.and_then(|number| self.round(number)) {
            Ok(number) => {
                let moved = self.level.is_none_or(|level| {
                    // The tolerance of 1e-9 accepts a change of exactly `min_change`, although binary rounding can make
                    // the computed change slightly smaller.
                    number != level && (number - level).abs() + 1e-9 >= self.min_change
                });
                if moved {
                    self.level = Some(number);
                }
                self.measured = Some((number, now));
                self.fault = None;
            }
            Err(error) => {
                (self.level, self.measured) = (None, None);
                self.fault = Some(error);
            }
        }
        let works = self.fault.is_none();
        (works != worked).then_some(works)
    }

    fn round(&self, number: f64) -> Result<f64, DriverError> {
        let rounded = (number * self.scale).round() / self.scale;
        if rounded.is_finite() {
            Ok(rounded)
        } else {
            Err(DriverError("the measurement is not a finite number".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sensor(min_change: f64, precision: u8) -> (Sensor, Instant) {
        let now = Instant::now();
        let interval = Duration::from_secs(30);
        (Sensor::new(&Sensing { unit: None, precision, interval, min_change }, true, now), now)
    }

    #[test]
    fn readings_keep_their_interval_and_never_run_at_once() {
        let (mut heat, start) = sensor(0.0, 1);
        assert!(heat.begin(start) && !heat.begin(start));
        assert_eq!(heat.next_due(), Some(start + READ_LIMIT));
        heat.take(Ok(20.0), Instant::now());
        assert_eq!(heat.next_due(), Some(start + Duration::from_secs(30)));
        assert!(!heat.begin(start + Duration::from_secs(29)));
        let late = start + Duration::from_secs(31);
        assert!(
            heat.begin(late) && !heat.begin(late + Duration::from_secs(60)),
            "the last reading has not finished"
        );
        heat.take(Ok(20.0), Instant::now());
        assert!(heat.begin(late + Duration::from_secs(60)));
    }

    #[test]
    fn a_reading_that_hangs_makes_the_level_unknown() {
        let (mut heat, start) = sensor(0.0, 1);
        assert!(heat.begin(start));
        heat.take(Ok(20.0), start);
        assert_eq!(heat.measured(), Some((Level::Number(20.0), start)));
        let again = start + Duration::from_secs(30);
        assert!(heat.begin(again) && !heat.is_stuck(again));
        assert_eq!(heat.next_due(), Some(again + READ_LIMIT));
        assert_eq!(heat.level(), Some(Level::Number(20.0)));
        let late = again + READ_LIMIT;
        assert_eq!([heat.is_stuck(late), heat.is_stuck(late)], [true, false]);
        assert_eq!((heat.level(), heat.fault().is_some(), heat.next_due()), (None, true, None));
        assert_eq!(heat.measured(), None);
        assert!(!heat.begin(late + Duration::from_secs(60)), "the reading is still in progress");
        assert_eq!(heat.take(Ok(21.0), Instant::now()), Some(true));
        assert_eq!(heat.level(), Some(Level::Number(21.0)));
        assert!(heat.begin(late + Duration::from_secs(60)));
    }

    #[test]
    fn a_failure_takes_the_level_and_is_told_once() {
        let (mut heat, _) = sensor(0.0, 1);
        let broken = || Err(DriverError("gone".into()));
        assert_eq!(heat.take(Ok(20.04), Instant::now()), None);
        assert_eq!(heat.level(), Some(Level::Number(20.0)));
        assert_eq!(
            [heat.take(broken(), Instant::now()), heat.take(broken(), Instant::now())],
            [Some(false), None]
        );
        assert_eq!((heat.level(), heat.fault().is_some()), (None, true));
        assert_eq!(heat.take(Ok(f64::NAN), Instant::now()), None);
        assert_eq!(heat.take(Ok(20.06), Instant::now()), Some(true));
        assert_eq!(heat.level(), Some(Level::Number(20.1)));
    }

    #[test]
    fn a_measurement_is_newer_than_the_reported_level() {
        let (mut heat, start) = sensor(5.0, 1);
        heat.take(Ok(20.0), start);
        let later = start + Duration::from_secs(30);
        heat.take(Ok(21.04), later);
        assert_eq!(heat.level(), Some(Level::Number(20.0)));
        assert_eq!(heat.measured(), Some((Level::Number(21.0), later)));
    }

    proptest! {
        /// The reported level never differs from the reading by more than `min_change` plus the rounding error.
        #[test]
        fn the_level_stays_near(readings in prop::collection::vec(-50.0f64..50.0, 1..40), tenths in 0u8..30) {
            let min_change = f64::from(tenths) / 10.0;
            let (mut heat, _) = sensor(min_change, 1);
            for reading in readings {
                let before = heat.level();
                heat.take(Ok(reading), Instant::now());
                let Some(Level::Number(level)) = heat.level() else { panic!() };
                prop_assert!((level - reading).abs() <= min_change + 0.051);
                if let Some(Level::Number(before)) = before {
                    prop_assert!(before == level || (before - level).abs() + 1e-6 >= min_change);
                }
            }
        }
    }
}
