//! One contact: a level counts once it has rested for the debounce time.

use std::time::Duration;

use pinlatch_protocol::line::Level;
use tokio::time::Instant;

/// A debounced input.
pub struct Contact {
    debounce: Duration,
    level: Option<bool>,
    /// The newest edge, and when it will have rested for long enough.
    unsettled: Option<(bool, Instant)>,
}

impl Contact {
    /// Starts with the level that was read; `None` where the contact cannot be used.
    pub fn new(debounce: Duration, level: Option<bool>) -> Self {
        Self { debounce, level, unsettled: None }
    }

    /// The level that last rested for long enough.
    pub fn level(&self) -> Option<Level> {
        self.level.map(Level::On)
    }

    /// When [`Contact::tick`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.unsettled.map(|(_, due)| due)
    }

    /// Takes an edge; every further one starts the wait anew.
    pub fn edge(&mut self, level: bool, now: Instant) {
        self.unsettled = Some((level, now + self.debounce));
    }

    /// Takes the level that has rested for long enough.
    pub fn tick(&mut self, now: Instant) {
        if let Some((level, _)) = self.unsettled.filter(|(_, due)| *due <= now) {
            self.unsettled = None;
            self.level = Some(level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the bouncing, a level is taken only after it has rested, and the last one always is.
        #[test]
        fn only_a_rested_level_counts(edges in prop::collection::vec((any::<bool>(), 0u64..60), 1..50)) {
            let debounce = Duration::from_millis(20);
            let mut contact = Contact::new(debounce, Some(false));
            let mut now = Instant::now();
            for (level, gap) in &edges {
                let before = contact.level();
                now += Duration::from_millis(*gap);
                contact.tick(now);
                if *gap < 20 {
                    prop_assert_eq!(contact.level(), before);
                }
                contact.edge(*level, now);
            }
            contact.tick(now + debounce);
            prop_assert_eq!(contact.level(), edges.last().map(|(level, _)| Level::On(*level)));
            prop_assert_eq!(contact.next_due(), None);
        }
    }
}
