//! Decides when a rule is triggered, from the changes of its line or of the connection to the edge. This module uses no
//! clock and no I/O.

use std::time::Duration;

use pinlatch_protocol::line::Level;
use pinlatch_protocol::rule::Trigger;
use tokio::time::Instant;

/// The level of a line, or the state of the connection, as a rule sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    pub level: Option<Level>,
    /// Is true if a rule set this level of an output. Such a level triggers no rule, so rules cannot trigger each other
    /// in a circle.
    pub by_rule: bool,
}

/// The state of one rule's trigger.
#[derive(Debug, Default)]
pub struct State {
    /// Whether the line was on, for triggers on a change.
    on: Option<bool>,
    /// Whether the condition is met, for triggers on a condition. The value is `None` until the condition is known.
    met: Option<bool>,
    /// The time at which a condition that is met triggers the rule. The value is `None` after the rule was triggered.
    due: Option<Instant>,
}

impl State {
    /// Handles a new level of the rule's line. Returns whether the rule is triggered now.
    #[must_use]
    pub fn level(&mut self, trigger: &Trigger, seen: Observed, now: Instant) -> bool {
        match trigger {
            Trigger::Goes { on, .. } => {
                let is_on = seen.level.map(|level| level.is_on());
                let before = self.on;
                // An unknown level in between is no change.
                self.on = is_on.or(before);
                before.is_some() && self.on != before && is_on == Some(*on) && !seen.by_rule
            }
            Trigger::Lasts { on, for_ms, .. } => {
                let met = seen.level.map(|level| level.is_on() == *on && !seen.by_rule);
                self.condition(met, *for_ms, now)
            }
            Trigger::Crosses { above, limit, hysteresis, for_ms, .. } => {
                let Some(Level::Number(number)) = seen.level else {
                    return self.condition(None, *for_ms, now);
                };
                let beyond = |value: f64| if *above { number > value } else { number < value };
                let back = if *above { limit - hysteresis } else { limit + hysteresis };
                // Between the two limits, the condition stays as it is.
                let met = if beyond(*limit) {
                    true
                } else if beyond(back) {
                    self.met.unwrap_or(false)
                } else {
                    false
                };
                self.condition(Some(met), *for_ms, now)
            }
            Trigger::Press { .. } | Trigger::Link { .. } => false,
        }
    }

    /// Handles a new state of the connection to the edge. Returns whether the rule is triggered now.
    #[must_use]
    pub fn link(&mut self, trigger: &Trigger, is_up: bool, now: Instant) -> bool {
        match trigger {
            Trigger::Link { up, for_ms } => self.condition(Some(is_up == *up), *for_ms, now),
            _ => false,
        }
    }

    /// Returns the time at which [`State::tick`] must run next.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns whether the condition has lasted long enough now.
    #[must_use]
    pub fn tick(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// An unknown condition ends the time for which it has lasted, because it can have been different in between.
    fn condition(&mut self, met: Option<bool>, for_ms: u32, now: Instant) -> bool {
        let began = met == Some(true) && self.met != Some(true);
        if met != Some(true) {
            self.due = None;
        }
        self.met = met;
        if !began {
            return false;
        }
        if for_ms == 0 {
            return true;
        }
        self.due = Some(now + Duration::from_millis(for_ms.into()));
        false
    }
}
