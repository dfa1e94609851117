//! The readings of a sensor since the page was opened, which are drawn as a curve. The readings are stored only in the
//! memory of the page.

use std::collections::VecDeque;
use std::fmt::Write;

use pinlatch_protocol::line::Level;

const MOST: usize = 120;

const SPAN_MS: u64 = 30 * 60_000;

/// The width of the SVG view box.
pub const WIDTH: f64 = 100.0;
/// The height of the SVG view box.
pub const HEIGHT: f64 = 24.0;

/// The readings of a sensor with the times of receipt, oldest first. A reading is `None` if the sensor could not be
/// read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace(VecDeque<(u64, Option<f64>)>);

impl Trace {
    /// Records a reading, unless it equals the last recorded reading.
    pub fn push(&mut self, now_ms: u64, level: Option<Level>) {
        let number = match level {
            Some(Level::Number(number)) => Some(number),
            _ => None,
        };
        if self.0.back().is_some_and(|(_, last)| *last == number) {
            return;
        }
        // If the clock was set back, the earlier readings are removed, because the curve would otherwise run backwards.
        if self.0.back().is_some_and(|(at_ms, _)| *at_ms > now_ms) {
            self.0.clear();
        }
        self.0.push_back((now_ms, number));
        let from_ms = now_ms.saturating_sub(SPAN_MS);
        // The last reading before the displayed time span is kept, because this reading is the value at the start of
        // the time span.
        while self.0.len() > MOST || self.0.get(1).is_some_and(|(at_ms, _)| *at_ms <= from_ms) {
            self.0.pop_front();
        }
    }

    /// Returns the smallest and the largest reading. Returns `None` if all readings are equal, or if there are no
    /// readings.
    pub fn range(&self) -> Option<(f64, f64)> {
        let numbers = || self.0.iter().filter_map(|(_, number)| *number);
        let (least, most) =
            (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
        (least < most).then_some((least, most))
    }

    /// Returns the curve up to `now_ms` as an SVG path of [`WIDTH`] by [`HEIGHT`]. Each reading is drawn as a
    /// horizontal line until the next reading. Returns `None` if the reading has not changed yet.
    pub fn path(&self, now_ms: u64) -> Option<String> {
        let (least, most) = self.range()?;
        let from_ms = self.0.front()?.0.max(now_ms.saturating_sub(SPAN_MS));
        let span = now_ms.saturating_sub(from_ms).max(1) as f64;
        let x = |at_ms: u64| at_ms.saturating_sub(from_ms) as f64 / span * WIDTH;
        let y = |number: f64| (1.0 - (number - least) / (most - least)) * (HEIGHT - 2.0) + 1.0;
        let mut path = String::new();
        let mut drawing = false;
        for (at_ms, number) in &self.0 {
            let at = x(*at_ms).min(WIDTH);
            if drawing {
                let _ = write!(path, "H{at:.1}");
            }
            if let Some(number) = number {
                let _ = match drawing {
                    true => write!(path, "V{:.1}", y(*number)),
                    false => write!(path, "M{at:.1} {:.1}", y(*number)),
                };
            }
            drawing = number.is_some();
        }
        if drawing {
            let _ = write!(path, "H{WIDTH:.0}");
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Option<Level> {
        Some(Level::Number(value))
    }

    #[test]
    fn nothing_is_drawn_before_something_has_changed() {
        let mut trace = Trace::default();
        assert_eq!((trace.path(5), trace.range()), (None, None));
        trace.push(0, number(20.0));
        trace.push(1_000, number(20.0));
        trace.push(2_000, None);
        assert_eq!(trace.path(5_000), None);
    }

    #[test]
    fn a_level_holds_until_the_next_and_a_failure_leaves_a_gap() {
        let mut trace = Trace::default();
        trace.push(0, number(20.0));
        trace.push(5_000, number(30.0));
        assert_eq!(trace.path(10_000).unwrap(), "M0.0 23.0H50.0V1.0H100");
        assert_eq!(trace.range(), Some((20.0, 30.0)));
        trace.push(6_000, None);
        trace.push(8_000, number(25.0));
        assert_eq!(trace.path(10_000).unwrap(), "M0.0 23.0H50.0V1.0H60.0M80.0 12.0H100");
    }

    #[test]
    fn it_stays_small_and_forgets_what_is_long_past() {
        let mut trace = Trace::default();
        for step in 0..1_000u32 {
            trace.push(u64::from(step), number(f64::from(step)));
        }
        assert_eq!((trace.0.len(), trace.range()), (MOST, Some((880.0, 999.0))));
        trace.push(SPAN_MS + 2_000, number(7.0));
        assert_eq!(trace.range(), Some((7.0, 999.0)), "what held at the span's beginning stays");
        trace.push(10, number(8.0));
        assert_eq!(trace.0.len(), 1, "a clock that was set back begins anew");
    }
}
