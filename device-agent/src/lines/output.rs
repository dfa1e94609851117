//! One output: what it may do, how long, and what ends it.

use std::time::Duration;

use pinlatch_protocol::line::{Action, Level};
use tokio::time::Instant;

use super::{Driver, DriverError, Refused};
use crate::config::{LineConfig, OnLinkLoss};

/// After how long an output is tried again that could not be switched off.
const RETRY: Duration = Duration::from_secs(1);

/// A running blink.
#[derive(Debug, Clone, Copy)]
struct Blink {
    /// The level that it began from and ends at.
    base: bool,
    half: Duration,
    next: Instant,
    changes_left: u32,
}

/// An output with its rules and timers.
pub struct Output {
    driver: Result<Box<dyn Driver>, DriverError>,
    safe: Level,
    max_on: Option<Duration>,
    min_interval: Duration,
    on_link_loss: OnLinkLoss,
    level: Option<Level>,
    last_start: Option<Instant>,
    blink: Option<Blink>,
    /// When it must be off: the end of a pulse, or of `max_on`.
    off_at: Option<Instant>,
    /// When it goes to its safe level because the link is gone, or because it would not before.
    safe_at: Option<Instant>,
}

impl Output {
    /// Applies the safe level first of all.
    pub fn new(config: &LineConfig, safe: Level, driver: Result<Box<dyn Driver>, DriverError>) -> Self {
        let mut output = Self {
            driver,
            safe,
            max_on: config.max_on,
            min_interval: config.min_interval,
            on_link_loss: config.on_link_loss,
            level: None,
            last_start: None,
            blink: None,
            off_at: None,
            safe_at: None,
        };
        if output.driver.is_ok()
            && let Err(error) = output.make_safe()
        {
            tracing::error!(line = %config.name, %error, "the safe level could not be applied");
        }
        output
    }

    /// The level it was last driven to; `None` after a failure.
    pub fn level(&self) -> Option<Level> {
        self.level
    }

    /// Whether it is blinking.
    pub fn is_blinking(&self) -> bool {
        self.blink.is_some()
    }

    /// When [`Output::tick`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        [self.off_at, self.safe_at, self.blink.map(|blink| blink.next)].into_iter().flatten().min()
    }

    /// Runs an action and returns the level right after.
    pub fn run(&mut self, action: Action, now: Instant) -> Result<Option<Level>, Refused> {
        self.permit(action, now)?;
        match action {
            Action::Set { level, .. } => self.change(level, now)?,
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
                let half = Duration::from_millis(period_ms.into()) / 2;
                self.blink = Some(Blink { base, half, next: now + half, changes_left: count * 2 - 1 });
            }
        }
        self.last_start = Some(now);
        Ok(self.level)
    }

    /// The owner's rules.
    fn permit(&self, action: Action, now: Instant) -> Result<(), Refused> {
        let longest = match action {
            Action::Pulse { ms } => Duration::from_millis(ms.into()),
            Action::Blink { period_ms, .. } => Duration::from_millis(period_ms.into()) / 2,
            Action::Set { .. } | Action::Toggle => Duration::ZERO,
        };
        if self.max_on.is_some_and(|limit| longest > limit) {
            return Err(Refused::MaxOn);
        }
        if matches!(action, Action::Pulse { .. }) && self.off_at.is_some() {
            return Err(Refused::Busy);
        }
        if self.last_start.is_some_and(|start| now < start + self.min_interval) {
            return Err(Refused::MinInterval);
        }
        Ok(())
    }

    /// On or off, where a blink counts as the level it began from.
    fn base_level(&self) -> Result<bool, Refused> {
        match (self.blink, self.level) {
            (Some(blink), _) => Ok(blink.base),
            (None, Some(Level::On(on))) => Ok(on),
            _ => Err(DriverError("its level is unknown".into()).into()),
        }
    }

    /// Drives the line as a command says: ends a blink.
    fn change(&mut self, level: Level, now: Instant) -> Result<(), DriverError> {
        self.blink = None;
        self.drive(level, now)
    }

    /// Drives the line and starts or stops the timer of `max_on`, which a line that is on already does
    /// not get anew.
    fn drive(&mut self, level: Level, now: Instant) -> Result<(), DriverError> {
        let was_on = self.level == Some(Level::On(true));
        let driver = self.driver.as_mut().map_err(|error| error.clone())?;
        if let Err(error) = driver.set(level) {
            // It may be on or off now, and must not stay so: the safe level of a timed line is off.
            self.level = None;
            self.off_at = None;
            self.safe_at = Some(now + RETRY);
            return Err(error);
        }
        self.level = Some(level);
        if level != Level::On(true) {
            self.off_at = None;
        } else if !was_on {
            self.off_at = self.max_on.map(|limit| now + limit);
        }
        Ok(())
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        if self.safe_at.is_some_and(|due| due <= now) {
            self.safe_at = None;
            if let Err(error) = self.make_safe() {
                tracing::error!(%error, "a line could not be taken to its safe level, trying again");
                self.safe_at = Some(now + RETRY);
            }
        } else if self.off_at.is_some_and(|due| due <= now) {
            if let Err(error) = self.change(Level::On(false), now) {
                tracing::error!(%error, "a line could not be switched off, trying again");
            }
        } else if let Some(mut blink) = self.blink.filter(|blink| blink.next <= now) {
            let on = self.level == Some(Level::On(true));
            // A late tick is not made up for: that would be a flicker.
            blink.next = (blink.next + blink.half).max(now);
            blink.changes_left = blink.changes_left.saturating_sub(1);
            self.blink = (blink.changes_left > 0).then_some(blink);
            if let Err(error) = self.drive(Level::On(!on), now) {
                tracing::error!(%error, "a blinking line failed");
                self.blink = None;
            }
        }
    }

    /// Goes to the safe level and ends whatever runs.
    pub fn make_safe(&mut self) -> Result<(), DriverError> {
        self.blink = None;
        let driver = self.driver.as_mut().map_err(|error| error.clone())?;
        match driver.set(self.safe) {
            Ok(()) => {
                self.level = Some(self.safe);
                self.off_at = None;
                self.safe_at = None;
                Ok(())
            }
            Err(error) => {
                self.level = None;
                Err(error)
            }
        }
    }

    /// The link is there again.
    pub fn link_up(&mut self) {
        // An output that failed still has to become safe.
        if self.level.is_some() {
            self.safe_at = None;
        }
    }

    /// The link is gone.
    pub fn link_lost(&mut self, now: Instant) {
        if let (OnLinkLoss::SafeAfter(delay), None, Ok(_)) = (self.on_link_loss, self.safe_at, &self.driver) {
            self.safe_at = Some(now + delay);
        }
    }
}

#[cfg(test)]
mod tests;
