//! The state of a GPIO line as its device reports it: the level, and the scheduled end of the level.

use pinlatch_protocol::line::{Level, LineInfo};

/// The largest difference between two times of the same end, in milliseconds. The site computes the end from the
/// remaining time, which is older the longer its message needs. A row is not written again for such a difference.
const SAME_END_MS: u64 = 500;

/// The reported state of a GPIO line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Report {
    pub level: Option<Level>,
    /// When the device ends the level, in milliseconds of Unix time.
    pub ends_ms: Option<u64>,
    pub blinking: bool,
}

impl Report {
    /// Returns the state whose end is `ends_in_ms` after `at_ms`.
    pub fn new(level: Option<Level>, ends_in_ms: Option<u32>, blinking: bool, at_ms: u64) -> Self {
        let ends_ms = ends_in_ms.map(|left| at_ms.saturating_add(left.into()));
        Self { level, ends_ms, blinking }
    }

    /// Returns the state in a `hello` message.
    pub fn of_info(info: &LineInfo, now_ms: u64) -> Self {
        Self::new(info.level, info.ends_in_ms, info.blinking, now_ms)
    }

    /// Returns this state, or `before` if both are the same state with slightly different times of the end.
    pub fn or_same(self, before: Self) -> Self {
        let same_end = match (self.ends_ms, before.ends_ms) {
            (Some(own), Some(other)) => own.abs_diff(other) <= SAME_END_MS,
            (own, other) => own == other,
        };
        let is_same = self.level == before.level && self.blinking == before.blinking && same_end;
        if is_same { before } else { self }
    }

    /// Returns the state after the outcome of a command. An outcome without an end can come from an older agent, or can
    /// be a repetition, so the known end of the same level stays. If the end has changed, an event follows.
    pub fn after_outcome(self, before: Self) -> Self {
        let has_end = self.ends_ms.is_some() || self.blinking;
        if self.level == before.level && !has_end { before } else { self.or_same(before) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Option<Level> = Some(Level::On(true));
    const OFF: Option<Level> = Some(Level::On(false));

    #[test]
    fn the_same_end_stays_where_it_was() {
        let before = Report::new(ON, Some(3_000), false, 1_000);
        assert_eq!(before.ends_ms, Some(4_000));
        assert_eq!(Report::new(ON, Some(2_990), false, 1_300).or_same(before), before);
        let later = Report::new(ON, Some(3_000), false, 2_000);
        assert_eq!(later.or_same(before), later, "another end");
        let blinking = Report::new(ON, Some(3_000), true, 1_000);
        assert_eq!(blinking.or_same(before), blinking);
        let unlimited = Report::new(ON, None, false, 1_000);
        assert_eq!(unlimited.or_same(before), unlimited);
    }

    #[test]
    fn an_outcome_without_an_end_keeps_the_end_of_the_same_level() {
        let before = Report::new(ON, Some(3_000), false, 1_000);
        assert_eq!(Report::new(ON, None, false, 2_000).after_outcome(before), before);
        let off = Report::new(OFF, None, false, 2_000);
        assert_eq!(off.after_outcome(before), off);
        let longer = Report::new(ON, Some(9_000), false, 2_000);
        assert_eq!(longer.after_outcome(before), longer);
    }
}
