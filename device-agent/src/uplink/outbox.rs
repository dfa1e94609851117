//! Stores the outcomes of commands that the edge has possibly not received yet.
//!
//! A successful write to a socket does not prove that the edge received the data. The edge processes frames in order
//! and answers each ping with a pong. A pong therefore confirms every outcome that the agent sent before the
//! corresponding ping. On the next connection, the agent sends the unconfirmed outcomes again.

use std::collections::VecDeque;

use pinlatch_protocol::agent::Outcome;

/// The maximum number of stored outcomes. The edge sends at most 64 commands without an outcome to a device, and a ping
/// follows after [`PING_AFTER`] outcomes, so this number is only reached if the edge does not answer pings.
const MAX_KEPT: usize = 1_024;

/// The number of outcomes after which a ping is sent, so that the edge confirms them soon.
const PING_AFTER: u64 = 32;

/// The outcomes of commands that no pong has confirmed, from the current connection and from earlier connections.
#[derive(Debug, Default)]
pub struct Outbox {
    kept: VecDeque<(u64, Outcome)>,
    next: u64,
    /// Contains one number for each unanswered ping, which is the number of the first outcome that is sent after this
    /// ping.
    pings: VecDeque<u64>,
}

impl Outbox {
    /// Stores the outcome of a command. If the outbox is full, the oldest outcome is dropped.
    pub fn push(&mut self, outcome: &Outcome) {
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((self.next, outcome.repeated()));
        self.next += 1;
    }

    /// Prepares the outbox for a new connection and returns the outcomes that the agent must send again. The unanswered
    /// pings are removed, because the edge will never answer the pings of the previous connection.
    pub fn reconnected(&mut self) -> Vec<Outcome> {
        self.pings.clear();
        self.kept.iter().map(|(_, outcome)| outcome.clone()).collect()
    }

    pub fn pinged(&mut self) {
        self.pings.push_back(self.next);
    }

    /// Returns whether many outcomes were stored since the last ping.
    pub fn is_ping_due(&self) -> bool {
        let first = self.kept.front().map_or(self.next, |(number, _)| *number);
        let asked = self.pings.back().copied().unwrap_or(first).max(first);
        self.next.saturating_sub(asked) >= PING_AFTER
    }

    /// Returns whether the edge has answered every ping.
    pub fn is_confirmed(&self) -> bool {
        self.pings.is_empty()
    }

    /// Handles a pong and removes every outcome that was sent before the corresponding ping.
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
        Outcome {
            id: id.to_string(),
            status: CommandStatus::Executed,
            code: None,
            level: None,
            ends_in_ms: Some(3_000),
            blinking: false,
            receipt: None,
        }
    }

    fn ids(outbox: &mut Outbox) -> Vec<String> {
        outbox.reconnected().into_iter().map(|outcome| outcome.id).collect()
    }

    #[test]
    fn a_pong_confirms_what_went_before_its_ping() {
        let mut outbox = Outbox::default();
        outbox.push(&outcome(1));
        outbox.pinged();
        outbox.push(&outcome(2));
        outbox.pinged();
        outbox.push(&outcome(3));
        outbox.ponged();
        assert_eq!(ids(&mut outbox), ["2", "3"]);
        outbox.ponged();
        assert_eq!(ids(&mut outbox), ["2", "3"], "that ping belonged to the last connection");
    }

    #[test]
    fn many_outcomes_are_confirmed_before_the_next_regular_ping() {
        let mut outbox = Outbox::default();
        let mut pings = 0;
        for id in 0..96 {
            outbox.push(&outcome(id));
            if outbox.is_ping_due() {
                outbox.pinged();
                pings += 1;
            }
        }
        assert_eq!(
            (pings, ids(&mut Outbox { pings: outbox.pings.clone(), ..Outbox::default() }).len()),
            (3, 0)
        );
        (0..3).for_each(|_| outbox.ponged());
        assert_eq!(ids(&mut outbox).len(), 0, "all outcomes are confirmed");
        outbox.push(&outcome(96));
        assert!(!outbox.is_ping_due());
    }

    #[test]
    fn a_repeated_outcome_has_no_remaining_time() {
        let mut outbox = Outbox::default();
        outbox.push(&outcome(1));
        let again = outbox.reconnected().remove(0);
        assert_eq!(again, Outcome { ends_in_ms: None, ..outcome(1) });
    }

    #[test]
    fn it_is_bounded() {
        let mut outbox = Outbox::default();
        (0..2_000).for_each(|id| outbox.push(&outcome(id)));
        let ids = ids(&mut outbox);
        assert_eq!((ids.len(), ids[0].as_str(), ids[1_023].as_str()), (1_024, "976", "1999"));
    }
}
