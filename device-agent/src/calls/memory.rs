//! Remembers the calls of the last minute with their outcomes, so that a repeated call runs once, whichever way it comes.
//! A call is known by its holder's key and the id that the holder chose, and not by its token, because a P-256 signature
//! has two forms.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use pinlatch_protocol::agent::Outcome;
use tokio::time::Instant;

use super::refused::CallRefused;

/// How long a call is remembered. A call is valid for at most 30 s after its challenge.
const KEEP: Duration = Duration::from_secs(60);

/// The maximum number of remembered calls, and of one holder's calls.
const MAX_CALLS: usize = 1_024;
const MAX_OF_HOLDER: usize = 256;

/// The thumbprint of the holder's key, and the id of the call.
pub type CallId = (String, String);

#[derive(Debug, Default)]
pub struct Memory {
    outcomes: HashMap<CallId, Outcome>,
    /// The calls in the order of their arrival.
    order: VecDeque<(Instant, CallId)>,
}

impl Memory {
    /// Returns the outcome of a call that has already run, or an error if there is no place for a new call.
    pub fn find(&mut self, id: &CallId, now: Instant) -> Result<Option<Outcome>, CallRefused> {
        while let Some((at, _)) = self.order.front()
            && *at + KEEP <= now
            && let Some((_, old)) = self.order.pop_front()
        {
            self.outcomes.remove(&old);
        }
        if let Some(outcome) = self.outcomes.get(id) {
            return Ok(Some(outcome.clone()));
        }
        let of_holder = self.order.iter().filter(|(_, (holder, _))| *holder == id.0).count();
        if self.order.len() >= MAX_CALLS || of_holder >= MAX_OF_HOLDER {
            return Err(CallRefused::MemoryFull);
        }
        Ok(None)
    }

    /// Remembers the outcome of a new call.
    pub fn keep(&mut self, id: CallId, outcome: &Outcome, now: Instant) {
        self.outcomes.insert(id.clone(), outcome.repeated());
        self.order.push_back((now, id));
    }
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::command::CommandStatus;

    use super::*;

    fn outcome(id: &str) -> Outcome {
        Outcome {
            id: id.into(),
            status: CommandStatus::Executed,
            code: None,
            level: None,
            ends_in_ms: None,
            blinking: false,
            receipt: None,
        }
    }

    fn id(holder: &str, number: usize) -> CallId {
        (holder.into(), number.to_string())
    }

    #[test]
    fn a_call_is_remembered_for_a_minute() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(memory.find(&id("a", 1), at(0)), Ok(None));
        memory.keep(id("a", 1), &outcome("c1"), at(0));
        assert_eq!(memory.find(&id("a", 1), at(59)), Ok(Some(outcome("c1"))));
        assert_eq!(memory.find(&id("b", 1), at(59)), Ok(None), "another holder");
        assert_eq!(memory.find(&id("a", 1), at(60)), Ok(None));
    }

    #[test]
    fn the_memory_is_bounded_for_each_holder_and_in_all() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        for holder in ["a", "b", "c", "d"] {
            for number in 0..MAX_OF_HOLDER {
                assert_eq!(memory.find(&id(holder, number), now), Ok(None));
                memory.keep(id(holder, number), &outcome("c"), now);
            }
            assert_eq!(memory.find(&id(holder, MAX_OF_HOLDER), now), Err(CallRefused::MemoryFull));
            assert!(memory.find(&id(holder, 0), now).is_ok_and(|outcome| outcome.is_some()));
        }
        assert_eq!(memory.find(&id("e", 0), now), Err(CallRefused::MemoryFull), "no place for anyone");
        assert_eq!(memory.find(&id("e", 0), now + KEEP), Ok(None));
    }
}
