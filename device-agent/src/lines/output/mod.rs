//! Implements the limits and the timers of one output.

mod motion;

use std::time::Duration;

use pinlatch_protocol::line::{Action, Level, LineKind, Rgb};
use tokio::time::Instant;

use super::driver::{Driver, DriverError};
use super::refused::Refused;
use crate::config::{LineConfig, OnLinkLoss};
use motion::{Blink, Fade, Motion};

/// The pause before the agent tries again to apply the safe level.
const RETRY: Duration = Duration::from_secs(1);
/// The number of consecutive failed attempts after which the driver is closed. The driver is opened again later,
/// because a USB chip was possibly unplugged.
const MAX_ATTEMPTS: u32 = 5;

/// The state of an output that the check of an interlock uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// The output is on, blinking or fading, or the level of the output is unknown.
    On,
    /// The output has certainly been off since this time.
    Off(Instant),
}

/// The scheduled end of an output's current state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// The time at which the blinking ends, or at which the output is switched off because a pulse or the time limit
    /// `max_on` ends.
    pub ends_at: Option<Instant>,
    pub blinking: bool,
}

impl Course {
    /// Returns the time from `now` to the scheduled end, in milliseconds.
    pub fn ends_in_ms(&self, now: Instant) -> Option<u32> {
        let left = self.ends_at?.saturating_duration_since(now);
        u32::try_from(left.as_millis()).ok()
    }
}

/// An output with its limits and its timers.
pub struct Output {
    driver: Result<Box<dyn Driver>, DriverError>,
    kind: LineKind,
    safe: Level,
    range_deg: Option<(f64, f64)>,
    max_on: Option<Duration>,
    min_interval: Duration,
    on_link_loss: OnLinkLoss,
    level: Option<Level>,
    /// The time at which the output was switched off. The value is valid only while the output is off.
    off_since: Instant,
    last_start: Option<Instant>,
    motion: Option<Motion>,
    /// The time at which the output must be switched off, because a pulse ends or the time limit `max_on` ends.
    off_at: Option<Instant>,
    /// The time at which the output goes to its safe level, after a lost connection or as a retry after a failure.
    safe_at: Option<Instant>,
    /// The reason why the level of the output is unknown.
    fault: Option<DriverError>,
    attempts: u32,
}

impl Output {
    /// Creates an output and applies the start level. For interlocks, the output counts as on until `now`, because the
    /// earlier level of the output is unknown.
    pub fn new(
        config: &LineConfig,
        safe: Level,
        driver: Result<Box<dyn Driver>, DriverError>,
        now: Instant,
    ) -> Self {
        let mut output = Self {
            fault: driver.as_ref().err().cloned(),
            driver,
            kind: config.kind,
            safe,
            range_deg: config.range_deg,
            max_on: config.max_on,
            min_interval: config.min_interval,
            on_link_loss: config.on_link_loss,
            level: None,
            off_since: now,
            last_start: None,
            motion: None,
            off_at: None,
            safe_at: None,
            attempts: 0,
        };
        if output.driver.is_ok()
            && let Err(error) = output.drive(config.initial.unwrap_or(safe), now)
        {
            tracing::error!(line = %config.name, %error, "the start level could not be applied");
        }
        output
    }

    /// Installs the driver of an output that was opened again, and applies the safe level.
    pub fn reopened(&mut self, driver: Box<dyn Driver>, now: Instant) -> Result<(), DriverError> {
        self.driver = Ok(driver);
        self.attempts = 0;
        self.off_since = now;
        self.make_safe(now)
    }

    /// Closes the driver of the output permanently.
    pub fn release(&mut self) {
        let gone = DriverError("the configuration is being reloaded".into());
        self.driver = Err(gone.clone());
        self.level = None;
        self.fault = Some(gone);
        (self.motion, self.off_at, self.safe_at) = (None, None, None);
    }

    pub fn is_open(&self) -> bool {
        self.driver.is_ok()
    }

    /// Returns the level that was last applied. The result is `None` after a failure.
    pub fn level(&self) -> Option<Level> {
        self.level
    }

    /// Returns the reason why the level of the output is unknown, if the level is unknown.
    pub fn fault(&self) -> Option<&DriverError> {
        self.fault.as_ref()
    }

    /// Returns whether the output is blinking or fading.
    pub fn is_moving(&self) -> bool {
        self.motion.is_some()
    }

    /// Returns the scheduled end of the output's current state.
    pub fn course(&self) -> Course {
        match &self.motion {
            Some(Motion::Blink(blink)) => Course { ends_at: Some(blink.end()), blinking: true },
            _ => Course { ends_at: self.off_at, blinking: false },
        }
    }

    /// Returns the state of the output for interlocks. A blinking output counts as on, even while it is dark.
    pub fn power(&self) -> Power {
        match self.level {
            Some(level) if !level.is_on() && self.motion.is_none() => Power::Off(self.off_since),
            _ => Power::On,
        }
    }

    /// Returns whether an action would switch the output on, immediately or later.
    pub fn would_be_on(&self, action: Action) -> bool {
        match action {
            Action::Set { level, .. } => level.is_on(),
            // If the level of the output is unknown, `run` refuses the action.
            Action::Toggle => self.base_level().is_ok_and(|on| !on),
            Action::Pulse { .. } | Action::Blink { .. } => true,
        }
    }

    /// Returns the time at which [`Output::tick`] must run next.
    pub fn next_due(&self) -> Option<Instant> {
        let motion = self.motion.as_ref().map(Motion::next);
        [self.off_at, self.safe_at, motion].into_iter().flatten().min()
    }

    /// Runs an action and returns the level of the output immediately after the action has started.
    pub fn run(&mut self, action: Action, now: Instant) -> Result<Option<Level>, Refused> {
        self.permit(action, now)?;
        match action {
            Action::Set { level, fade_ms } => self.set(level, fade_ms, now)?,
            Action::Toggle => {
                let on = self.base_level()?;
                self.change(Level::On(!on), now)?;
            }
            Action::Pulse { ms } => {
                self.change(Level::On(true), now)?;
                self.off_at = Some(now + Duration::from_millis(ms.into()));
            }
            Action::Blink { period_ms, count } => {
                let base = self.base_level()?;
                self.change(Level::On(!base), now)?;
                self.motion = Blink::begun(base, period_ms, count, now).map(Motion::Blink);
            }
        }
        self.last_start = Some(now);
        Ok(self.level)
    }

    /// Checks whether the limits in the configuration allow an action.
    fn permit(&self, action: Action, now: Instant) -> Result<(), Refused> {
        let longest = match action {
            Action::Pulse { ms } => ms,
            Action::Blink { period_ms, .. } => period_ms / 2,
            Action::Set { level, fade_ms } if level.is_on() => fade_ms,
            Action::Set { .. } | Action::Toggle => 0,
        };
        if self.max_on.is_some_and(|limit| Duration::from_millis(longest.into()) > limit) {
            return Err(Refused::MaxOn);
        }
        if let (Some((least, most)), Action::Set { level: Level::Number(degrees), .. }) =
            (self.range_deg, action)
            && !(least..=most).contains(&degrees)
        {
            return Err(Refused::Range);
        }
        if matches!(action, Action::Pulse { .. }) && self.off_at.is_some() {
            return Err(Refused::Busy);
        }
        if self.last_start.is_some_and(|start| now < start + self.min_interval) {
            return Err(Refused::MinInterval);
        }
        Ok(())
    }

    /// Returns whether the output is on. For a blinking output, the function returns the level before the blinking.
    fn base_level(&self) -> Result<bool, Refused> {
        match (self.motion, self.level) {
            (Some(Motion::Blink(blink)), _) => Ok(blink.base),
            (_, Some(Level::On(on))) => Ok(on),
            _ => Err(DriverError("the level of the line is unknown".into()).into()),
        }
    }

    /// Applies a level immediately, or starts a fade from the current level to the new level.
    fn set(&mut self, level: Level, fade_ms: u32, now: Instant) -> Result<(), DriverError> {
        match self.level.filter(|from| fade_ms > 0 && *from != level) {
            None => self.change(level, now),
            Some(from) => {
                // The current level is applied again, so that a driver failure is reported before the fade starts.
                self.change(from, now)?;
                let over = Duration::from_millis(fade_ms.into());
                self.motion = Some(Motion::Fade(Fade::new(from, level, over, now)));
                Ok(())
            }
        }
    }

    /// Applies the level of a command and ends any blinking or fading.
    fn change(&mut self, level: Level, now: Instant) -> Result<(), DriverError> {
        self.motion = None;
        self.drive(level, now)
    }

    /// Applies a level and starts or stops the timer for `max_on`. If the output is already on, the timer is not
    /// restarted.
    fn drive(&mut self, level: Level, now: Instant) -> Result<(), DriverError> {
        self.apply(level, now)?;
        if !level.is_on() {
            self.off_at = None;
        } else if self.off_at.is_none() {
            self.off_at = self.max_on.map(|limit| now + limit);
        }
        Ok(())
    }

    /// Sets a level with the driver. No other method of `Output` calls the driver.
    fn apply(&mut self, level: Level, now: Instant) -> Result<(), DriverError> {
        let driver = self.driver.as_mut().map_err(|error| error.clone())?;
        match driver.set(level) {
            Ok(()) => {
                if self.level.is_none_or(|level| level.is_on()) && !level.is_on() {
                    self.off_since = now;
                }
                self.level = Some(level);
                self.fault = None;
                self.attempts = 0;
                Ok(())
            }
            Err(error) => {
                // After a driver failure, the output can be on or off, and must not remain in an unknown state. A retry
                // therefore applies the safe level, which is off for every output with a time limit.
                self.safe_at = Some(now + RETRY);
                self.level = None;
                self.off_at = None;
                self.motion = None;
                self.fault = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Keeps the present level while the connection to the edge is lost, because a rule has set it.
    pub fn stay(&mut self) {
        if self.fault.is_none() {
            self.safe_at = None;
        }
    }

    /// Returns the level at which this kind of output is off.
    fn off(&self) -> Level {
        match self.kind {
            LineKind::Dimmer => Level::Number(0.0),
            LineKind::Rgb => Level::Colour(Rgb(0, 0, 0)),
            _ => Level::On(false),
        }
    }

    /// Runs a timer of the output that is due. If several timers are due, each call of `tick` runs
    /// only one timer. [`Output::fault`] also returns the error of a failed timer.
    pub fn tick(&mut self, now: Instant) -> Result<(), DriverError> {
        if self.safe_at.is_some_and(|due| due <= now) {
            self.safe_at = None;
            let safe = self.make_safe(now);
            if let Err(error) = &safe {
                self.attempts += 1;
                if self.attempts == MAX_ATTEMPTS {
                    self.driver = Err(error.clone());
                    self.safe_at = None;
                }
            }
            safe
        } else if self.off_at.is_some_and(|due| due <= now) {
            self.change(self.off(), now)
        } else if let Some(motion) = self.motion.filter(|motion| motion.next() <= now) {
            let (level, rest) = motion.step(self.level, now);
            self.motion = rest;
            self.drive(level, now)
        } else {
            Ok(())
        }
    }

    /// Applies the safe level of the output and ends all its timers.
    pub fn make_safe(&mut self, now: Instant) -> Result<(), DriverError> {
        self.motion = None;
        self.apply(self.safe, now)?;
        self.off_at = None;
        self.safe_at = None;
        Ok(())
    }

    pub fn link_up(&mut self) {
        // A failed output must still reach its safe level, so the timer of a failed output is not stopped.
        if self.level.is_some() {
            self.safe_at = None;
        }
    }

    pub fn link_lost(&mut self, now: Instant) {
        if let (OnLinkLoss::SafeAfter(delay), None, Ok(_)) = (self.on_link_loss, self.safe_at, &self.driver) {
            self.safe_at = Some(now + delay);
        }
    }
}

#[cfg(test)]
mod tests;
