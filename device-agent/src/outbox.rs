//! Outcomes that the edge has possibly not received yet.
//!
//! A successful write to a socket does not prove that the edge received the data. The edge answers pings in order, so a
//! pong confirms every outcome that was sent before the corresponding ping. The agent sends the unconfirmed outcomes
//! again on the next connection.

use std::collections::VecDeque;

use pinlatch_protocol::agent::Outcome;

/// Maximum number of stored outcomes.
const MAX_KEPT: usize = 64;

/// Outcomes of the current and of earlier connections that no pong has confirmed.
#[derive(Debug, Default)]
pub struct Outbox {
    kept: VecDeque<(u64, Outcome)>,
    next: u64,
    /// For each unanswered ping: the number of the first outcome that is sent after the ping.
    pings: VecDeque<u64>,
}

impl Outbox {
    /// Stores an outcome. If the outbox is full, the oldest outcome is dropped.
    pub fn push(&mut self, outcome: Outcome) {
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((self.next, outcome));
        self.next += 1;
    }

    /// Starts a new connection and returns the outcomes to repeat. Pings of the previous connection will never be
    /// answered.
    pub fn reconnected(&mut self) -> Vec<Outcome> {
        self.pings.clear();
        self.kept.iter().map(|(_, outcome)| outcome.clone()).collect()
    }

    pub fn pinged(&mut self) {
        self.pings.push_back(self.next);
    }

    /// Whether every ping has been answered.
    pub fn is_confirmed(&self) -> bool {
        self.pings.is_empty()
    }

    /// Handles a pong. The edge has received every outcome that was sent before the corresponding ping.
    pub fn ponged(&mut self) {
        if let Some(first_after) = self.pings.pop_front() {
            self.kept.retain(|(number, _)| *number >= first_after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinlatch_protocol::command::CommandStatus;

    fn outcome(id: usize) -> Outcome {
        Outcome { id: id.to_string(), status: CommandStatus::Executed, code: None, level: None }
    }

    fn ids(outbox: &mut Outbox) -> Vec<String> {
        outbox.reconnected().into_iter().map(|outcome| outcome.id).collect()
    }

    #[test]
    fn a_pong_confirms_what_went_before_its_ping() {
        let mut outbox = Outbox::default();
        outbox.push(outcome(1));
        outbox.pinged();
        outbox.push(outcome(2));
        outbox.pinged();
        outbox.push(outcome(3));
        outbox.ponged();
        assert_eq!(ids(&mut outbox), ["2", "3"]);
        outbox.ponged();
        assert_eq!(ids(&mut outbox), ["2", "3"], "that ping belonged to the last connection");
    }

    #[test]
    fn it_is_bounded() {
        let mut outbox = Outbox::default();
        (0..1_000).for_each(|id| outbox.push(outcome(id)));
        let ids = ids(&mut outbox);
        assert_eq!((ids.len(), ids[0].as_str(), ids[63].as_str()), (64, "936", "999"));
    }
}
