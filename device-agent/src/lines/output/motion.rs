//! Changes of an output over time: blinking and fading.

use std::time::Duration;

use pinlatch_protocol::line::{Level, Rgb};
use tokio::time::Instant;

/// Duration of one step of a fade.
const STEP: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub(super) enum Motion {
    Blink(Blink),
    Fade(Fade),
}

impl Motion {
    /// Time of the next step.
    pub fn next(&self) -> Instant {
        match self {
            Self::Blink(blink) => blink.next,
            Self::Fade(fade) => fade.next,
        }
    }

    /// Returns the level to apply now and the rest of the motion. `level` is the current level.
    pub fn step(self, level: Option<Level>, now: Instant) -> (Level, Option<Self>) {
        match self {
            Self::Blink(blink) => blink.step(level, now),
            Self::Fade(fade) => fade.step(now),
        }
    }
}

/// A number of changes between on and off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blink {
    /// The level before and after the blink.
    pub base: bool,
    half: Duration,
    next: Instant,
    changes_left: u32,
}

impl Blink {
    /// Called after the first change. Returns the remaining changes, if any.
    pub fn begun(base: bool, period_ms: u32, count: u32, now: Instant) -> Option<Self> {
        let half = Duration::from_millis(period_ms.into()) / 2;
        let changes_left = count.saturating_mul(2).saturating_sub(1);
        (changes_left > 0).then_some(Self { base, half, next: now + half, changes_left })
    }

    fn step(mut self, level: Option<Level>, now: Instant) -> (Level, Option<Motion>) {
        let on = level == Some(Level::On(true));
        // After a late tick, the missed time is not made up for, because the light would flicker.
        self.next = (self.next + self.half).max(now);
        self.changes_left = self.changes_left.saturating_sub(1);
        (Level::On(!on), (self.changes_left > 0).then_some(Motion::Blink(self)))
    }
}

/// Even steps from one level to another.
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
        // If `over` is 0 the quotient is NaN.
        if part >= 1.0 || part.is_nan() {
            return (self.to, None);
        }
        self.next = (now + STEP).min(self.start + self.over);
        (between(self.from, self.to, part), Some(Motion::Fade(self)))
    }
}

/// Interpolates between two levels. Numbers are rounded to thousandths, which is finer than any visible step.
fn between(from: Level, to: Level, part: f64) -> Level {
    match (from, to) {
        (Level::Number(from), Level::Number(to)) => {
            Level::Number(((from + (to - from) * part) * 1_000.0).round() / 1_000.0)
        }
        (Level::Colour(from), Level::Colour(to)) => {
            let mix = |from: u8, to: u8| {
                // The result is between two bytes, so it fits into a byte.
                (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8
            };
            Level::Colour(Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2)))
        }
        _ => to,
    }
}
