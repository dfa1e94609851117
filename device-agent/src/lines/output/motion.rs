//! What an output does by itself once it was told: blinking and fading.

use std::time::Duration;

use pinlatch_protocol::line::{Level, Rgb};
use tokio::time::Instant;

/// How long a step of a fade is.
const STEP: Duration = Duration::from_millis(20);

/// A running blink or fade.
#[derive(Debug, Clone, Copy)]
pub(super) enum Motion {
    Blink(Blink),
    Fade(Fade),
}

impl Motion {
    /// When it goes on.
    pub fn next(&self) -> Instant {
        match self {
            Self::Blink(blink) => blink.next,
            Self::Fade(fade) => fade.next,
        }
    }

    /// The level now, where the line is at `level`, and the rest of the motion.
    pub fn step(self, level: Option<Level>, now: Instant) -> (Level, Option<Self>) {
        match self {
            Self::Blink(blink) => blink.step(level, now),
            Self::Fade(fade) => fade.step(now),
        }
    }
}

/// On and off a number of times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blink {
    /// The level that it began from and ends at.
    pub base: bool,
    half: Duration,
    next: Instant,
    changes_left: u32,
}

impl Blink {
    /// Its first change has just been made.
    pub fn begun(base: bool, period_ms: u32, count: u32, now: Instant) -> Option<Self> {
        let half = Duration::from_millis(period_ms.into()) / 2;
        let changes_left = count.saturating_mul(2).saturating_sub(1);
        (changes_left > 0).then_some(Self { base, half, next: now + half, changes_left })
    }

    fn step(mut self, level: Option<Level>, now: Instant) -> (Level, Option<Motion>) {
        let on = level == Some(Level::On(true));
        // A late tick is not made up for: that would be a flicker.
        self.next = (self.next + self.half).max(now);
        self.changes_left = self.changes_left.saturating_sub(1);
        (Level::On(!on), (self.changes_left > 0).then_some(Motion::Blink(self)))
    }
}

/// From one level to another in even steps.
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
        // Where `over` is 0 the quotient is no number.
        if part >= 1.0 || part.is_nan() {
            return (self.to, None);
        }
        self.next = (now + STEP).min(self.start + self.over);
        (between(self.from, self.to, part), Some(Motion::Fade(self)))
    }
}

/// The level at a part of the way; whole thousandths of a number, which no lamp shows finer.
fn between(from: Level, to: Level, part: f64) -> Level {
    match (from, to) {
        (Level::Number(from), Level::Number(to)) => {
            Level::Number(((from + (to - from) * part) * 1_000.0).round() / 1_000.0)
        }
        (Level::Colour(from), Level::Colour(to)) => {
            let mix = |from: u8, to: u8| {
                // Between two bytes, so a byte.
                (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8
            };
            Level::Colour(Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2)))
        }
        _ => to,
    }
}
