//! Computes the levels of a blinking or fading output over time.

use std::time::Duration;

use pinlatch_protocol::line::{Level, Rgb};
use tokio::time::Instant;

/// The duration of one step of a fade.
const STEP: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub(super) enum Motion {
    Blink(Blink),
    Fade(Fade),
}

impl Motion {
    /// Returns the time of the next step.
    pub fn next(&self) -> Instant {
        match self {
            Self::Blink(blink) => blink.next,
            Self::Fade(fade) => fade.next,
        }
    }

    /// Returns the level that must be applied now, and the remaining motion. `level` is the current level of the
    /// output.
    pub fn step(self, level: Option<Level>, now: Instant) -> (Level, Option<Self>) {
        match self {
            Self::Blink(blink) => blink.step(level, now),
            Self::Fade(fade) => fade.step(now),
        }
    }
}

/// The remaining changes of a blinking output between on and off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blink {
    /// The level of the output before and after the blinking.
    pub base: bool,
    half: Duration,
    next: Instant,
    changes_left: u32,
}

impl Blink {
    /// Creates the remaining changes of a blinking output after its first change. Returns `None` if no changes remain.
    pub fn begun(base: bool, period_ms: u32, count: u32, now: Instant) -> Option<Self> {
        let half = Duration::from_millis(period_ms.into()) / 2;
        let changes_left = count.saturating_mul(2).saturating_sub(1);
        (changes_left > 0).then_some(Self { base, half, next: now + half, changes_left })
    }

    /// Returns the time of the last change.
    pub fn end(&self) -> Instant {
        self.next + self.half * self.changes_left.saturating_sub(1)
    }

    fn step(mut self, level: Option<Level>, now: Instant) -> (Level, Option<Motion>) {
        let on = level == Some(Level::On(true));
        // After a late step, the lost time is not made up with faster steps, because the light would flicker.
        self.next = (self.next + self.half).max(now);
        self.changes_left = self.changes_left.saturating_sub(1);
        (Level::On(!on), (self.changes_left > 0).then_some(Motion::Blink(self)))
    }
}

/// A fade in equal steps from one level to another level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fade {
    from: Level,
    to: Level,
    start: Instant,
    over: Duration,
    next: Instant,
}

impl Fade {
    pub fn new(from: Level, to: Level, over: Duration, now: Instant) -> Self {
        Self { from, to, start: now, over, next: now + STEP.min(over) }
    }

    fn step(mut self, now: Instant) -> (Level, Option<Motion>) {
        let part = now.saturating_duration_since(self.start).as_secs_f64() / self.over.as_secs_f64();
        // If the duration `over` is 0, the quotient `part` can be NaN.
        if part >= 1.0 || part.is_nan() {
            return (self.to, None);
        }
        self.next = (now + STEP).min(self.start + self.over);
        (between(self.from, self.to, part), Some(Motion::Fade(self)))
    }
}

/// Interpolates between two levels. Numbers are rounded to thousandths, because smaller steps are not visible.
fn between(from: Level, to: Level, part: f64) -> Level {
    match (from, to) {
        (Level::Number(from), Level::Number(to)) => {
            Level::Number(((from + (to - from) * part) * 1_000.0).round() / 1_000.0)
        }
        (Level::Colour(from), Level::Colour(to)) => {
            let mix = |from: u8, to: u8| {
                // The interpolated value is between two bytes, so the value fits into a byte.
                (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8
            };
            Level::Colour(Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2)))
        }
        _ => to,
    }
}
