//! Debounces a contact and detects presses. A new level is accepted after the level was stable for the debounce time. A
//! press is a change of the contact to on and back to off.

use std::time::Duration;

use pinlatch_protocol::line::Level;
use tokio::time::Instant;

/// A contact, which is an input with a debounced level.
pub struct Contact {
    debounce: Duration,
    long_press: Option<Duration>,
    level: Option<bool>,
    /// The newest level that is not accepted yet, and the time of the signal edge that led to this level.
    unsettled: Option<(bool, Instant)>,
    /// The time at which the contact changed to on. The value is `None` after the press was reported.
    pressed: Option<Instant>,
}

impl Contact {
    /// Creates a contact with the level that was read at the start. `level` is `None` if the contact cannot be read. A
    /// contact that is on at the start is not treated as pressed.
    pub fn new(debounce: Duration, long_press: Option<Duration>, level: Option<bool>) -> Self {
        Self { debounce, long_press, level, unsettled: None, pressed: None }
    }

    /// Returns the last stable level of the contact.
    pub fn level(&self) -> Option<Level> {
        self.level.map(Level::On)
    }

    /// Returns the time at which [`Contact::tick`] must run next.
    pub fn next_due(&self) -> Option<Instant> {
        match self.unsettled {
            // The duration of a press is known only when the new level is stable.
            Some((_, came)) => Some(came + self.debounce),
            None => self.long_at(),
        }
    }

    fn long_at(&self) -> Option<Instant> {
        Some(self.pressed? + self.long_press?)
    }

    /// Handles a signal edge of the contact. Each signal edge restarts the debounce time.
    pub fn edge(&mut self, level: bool, now: Instant) {
        self.unsettled = Some((level, now));
    }

    /// Accepts a new level if the level is stable. Returns `Some(true)` for a long press and `Some(false)` for a short
    /// press.
    #[must_use]
    pub fn tick(&mut self, now: Instant) -> Option<bool> {
        if let Some((level, came)) = self.unsettled {
            if now < came + self.debounce {
                return None;
            }
            self.unsettled = None;
            let before = self.level.replace(level);
            match (before, level) {
                (Some(false), true) => self.pressed = Some(came),
                (Some(true), false) => {
                    let (long_at, pressed) = (self.long_at(), self.pressed.take());
                    return pressed.and(long_at).map(|at| came >= at);
                }
                _ => {}
            }
        }
        if self.long_at().is_some_and(|at| at <= now) {
            self.pressed = None;
            return Some(true);
        }
        None
    }

    /// Resets a contact that became unreadable or readable again. `level` is `None` if the contact is unreadable.
    pub fn reopened(&mut self, level: Option<bool>) {
        *self = Self::new(self.debounce, self.long_press, level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LONG: Duration = Duration::from_millis(800);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Sends signal edges to a contact at the given times and returns the presses with their times. All times are in
    /// milliseconds.
    fn presses(debounce: u64, edges: &[(bool, u64)]) -> Vec<(bool, u64)> {
        let start = Instant::now();
        let mut contact = Contact::new(ms(debounce), Some(LONG), Some(false));
        let mut seen = Vec::new();
        let mut until = |contact: &mut Contact, end: Instant| {
            while let Some(due) = contact.next_due().filter(|due| *due <= end) {
                if let Some(long) = contact.tick(due) {
                    seen.push((long, u64::try_from((due - start).as_millis()).unwrap()));
                }
            }
        };
        for (level, at) in edges {
            until(&mut contact, start + ms(*at));
            contact.edge(*level, start + ms(*at));
        }
        until(&mut contact, start + ms(100_000));
        seen
    }

    #[test]
    fn presses_are_told_when_let_go_and_long_ones_as_soon_as_they_are() {
        assert_eq!(presses(20, &[(true, 100), (false, 300)]), [(false, 320)]);
        assert_eq!(presses(20, &[(true, 100), (false, 5_000)]), [(true, 900)]);
        assert_eq!(presses(20, &[(true, 100), (false, 110)]), [], "the level was never stable");
        assert_eq!(
            presses(20, &[(true, 0), (false, 100), (true, 200), (false, 300)]),
            [(false, 120), (false, 320)]
        );
        assert_eq!(presses(0, &[(true, 0), (false, 799)]), [(false, 799)]);
    }

    #[test]
    fn the_moment_of_letting_go_counts_and_not_the_end_of_the_bouncing() {
        assert_eq!(presses(50, &[(true, 0), (false, 790)]), [(false, 840)]);
        assert_eq!(
            presses(50, &[(true, 0), (false, 790), (true, 795)]),
            [(true, 845)],
            "the contact was not released"
        );
    }

    #[test]
    fn what_is_on_at_the_start_is_not_pressed() {
        let now = Instant::now();
        let mut door = Contact::new(Duration::ZERO, Some(LONG), Some(true));
        assert_eq!(door.next_due(), None);
        door.edge(false, now);
        assert_eq!((door.tick(now), door.level()), (None, Some(Level::On(false))));
        door.edge(true, now);
        assert_eq!(door.tick(now), None);
        door.reopened(Some(true));
        assert_eq!(door.next_due(), None, "the time since it went on is unknown");
    }

    proptest! {
        /// For any sequence of signal edges, the contact accepts a level only after the level was stable. The contact
        /// always accepts the last level.
        #[test]
        fn only_a_rested_level_counts(edges in prop::collection::vec((any::<bool>(), 0u64..60), 1..50)) {
            let debounce = Duration::from_millis(20);
            let mut contact = Contact::new(debounce, None, Some(false));
            let mut now = Instant::now();
            for (level, gap) in &edges {
                let before = contact.level();
                now += Duration::from_millis(*gap);
                prop_assert_eq!(contact.tick(now), None);
                if *gap < 20 {
                    prop_assert_eq!(contact.level(), before);
                }
                contact.edge(*level, now);
            }
            prop_assert_eq!(contact.tick(now + debounce), None);
            prop_assert_eq!(contact.level(), edges.last().map(|(level, _)| Level::On(*level)));
            prop_assert_eq!(contact.next_due(), None);
        }

        /// Each change of the contact to on and back to off is reported as exactly one press.
        #[test]
        fn every_press_is_told_once(holds in prop::collection::vec((30u64..2_000, 30u64..2_000), 0..20)) {
            let mut at = 0;
            let mut edges = Vec::new();
            let mut expected = Vec::new();
            for (rest, hold) in holds {
                edges.extend([(true, at + rest), (false, at + rest + hold)]);
                at += rest + hold;
                expected.push(hold >= 800);
            }
            let seen: Vec<bool> = presses(20, &edges).into_iter().map(|(long, _)| long).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
