//! Stores messages that the edge has possibly not received yet: the outcomes of commands, and the reports about rules.
//!
//! A successful write to a socket does not prove that the edge received the data. The edge processes frames in order
//! and answers each ping with a pong. A pong therefore confirms every message that the agent sent before the
//! corresponding ping. On the next connection, the agent sends the unconfirmed messages again.

use std::collections::VecDeque;

/// The maximum number of stored messages. The edge sends at most 64 commands without an outcome to a device, and a ping
/// follows after [`PING_AFTER`] messages. This number is therefore only reached by outcomes if the edge does not answer
/// pings, and by reports about rules during a long time without a connection.
pub const MAX_KEPT: usize = 1_024;

/// The number of messages after which a ping is sent, so that the edge confirms them soon.
const PING_AFTER: u64 = 32;

/// The messages that no pong has confirmed, from the current connection and from earlier connections.
#[derive(Debug)]
pub struct Outbox<T> {
    /// The messages with their numbers, which have no gaps.
    kept: VecDeque<(u64, T)>,
    next: u64,
    /// The number of the first message that was not sent on the current connection.
    unsent: u64,
    /// Contains one number for each unanswered ping, which is the number of the first message that is sent after this
    /// ping.
    pings: VecDeque<u64>,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { kept: VecDeque::new(), next: 0, unsent: 0, pings: VecDeque::new() }
    }
}

impl<T: Clone> Outbox<T> {
    /// Stores a message. If the outbox is full, the oldest message is dropped.
    pub fn push(&mut self, message: T) {
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((self.next, message));
        self.next += 1;
    }

    /// Returns the number of the first message that was not sent on the current connection, if there is one.
    fn next_unsent(&self) -> Option<u64> {
        let (first, _) = self.kept.front()?;
        Some(self.unsent.max(*first)).filter(|unsent| *unsent < self.next)
    }

    pub fn has_unsent(&self) -> bool {
        self.next_unsent().is_some()
    }

    /// Returns the next message that was not sent on the current connection, which the caller must send now.
    pub fn take_unsent(&mut self) -> Option<T> {
        let number = self.next_unsent()?;
        let (_, message) = self.kept.iter().find(|(own, _)| *own == number)?;
        self.unsent = number + 1;
        Some(message.clone())
    }

    /// Prepares the outbox for a new connection, on which every stored message must be sent again. The unanswered pings
    /// are removed, because the edge will never answer the pings of the previous connection.
    pub fn reconnected(&mut self) {
        self.pings.clear();
        self.unsent = 0;
    }

    pub fn pinged(&mut self) {
        self.pings.push_back(self.unsent);
    }

    /// Returns whether many messages were sent since the last ping.
    pub fn is_ping_due(&self) -> bool {
        let first = self.kept.front().map_or(self.unsent, |(number, _)| *number);
        let asked = self.pings.back().copied().unwrap_or(first).max(first);
        self.unsent.saturating_sub(asked) >= PING_AFTER
    }

    /// Returns whether the edge has answered every ping.
    pub fn is_confirmed(&self) -> bool {
        self.pings.is_empty()
    }

    /// Handles a pong and removes every message that was sent before the corresponding ping. Returns whether a message
    /// was removed.
    pub fn ponged(&mut self) -> bool {
        let before = self.kept.len();
        if let Some(first_after) = self.pings.pop_front() {
            self.kept.retain(|(number, _)| *number >= first_after);
        }
        self.kept.len() < before
    }

    /// Returns the stored messages with their numbers.
    pub fn kept(&self) -> impl Iterator<Item = &(u64, T)> {
        self.kept.iter()
    }

    /// Changes every stored message.
    pub fn change(&mut self, change: impl FnMut(&mut T)) {
        self.kept.iter_mut().map(|(_, message)| message).for_each(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores a message and sends it.
    fn send(outbox: &mut Outbox<u32>, message: u32) {
        outbox.push(message);
        while outbox.take_unsent().is_some() {}
    }

    fn again(outbox: &mut Outbox<u32>) -> Vec<u32> {
        outbox.reconnected();
        std::iter::from_fn(|| outbox.take_unsent()).collect()
    }

    #[test]
    fn a_pong_confirms_the_messages_before_its_ping() {
        let mut outbox = Outbox::default();
        send(&mut outbox, 1);
        outbox.pinged();
        send(&mut outbox, 2);
        outbox.pinged();
        send(&mut outbox, 3);
        assert!(outbox.ponged());
        assert_eq!(again(&mut outbox), [2, 3]);
        assert!(!outbox.ponged());
        assert_eq!(again(&mut outbox), [2, 3], "that ping belonged to the last connection");
    }

    #[test]
    fn a_pong_does_not_confirm_an_unsent_message() {
        let mut outbox = Outbox::default();
        send(&mut outbox, 1);
        outbox.push(2);
        outbox.push(3);
        assert_eq!(outbox.take_unsent(), Some(2));
        outbox.pinged();
        outbox.ponged();
        assert_eq!((outbox.has_unsent(), outbox.take_unsent(), outbox.take_unsent()), (true, Some(3), None));
        assert_eq!(again(&mut outbox), [3]);
    }

    #[test]
    fn many_messages_are_confirmed_before_the_next_regular_ping() {
        let mut outbox = Outbox::default();
        let mut pings = 0;
        for message in 0..96 {
            send(&mut outbox, message);
            if outbox.is_ping_due() {
                outbox.pinged();
                pings += 1;
            }
        }
        assert_eq!(pings, 3);
        (0..3).for_each(|_| assert!(outbox.ponged()));
        assert_eq!(again(&mut outbox).len(), 0, "all messages are confirmed");
        send(&mut outbox, 96);
        assert!(!outbox.is_ping_due());
    }

    #[test]
    fn it_is_bounded() {
        let mut outbox = Outbox::default();
        (0..2_000).for_each(|message| outbox.push(message));
        let kept = again(&mut outbox);
        assert_eq!((kept.len(), kept[0], kept[1_023]), (1_024, 976, 1_999));
    }
}
