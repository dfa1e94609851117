//! Limits password hashing to one hash at a time, with a pause after each hash. All gates of an isolate share the limit
//! of one password hash at a time.
//!
//! All Durable Objects of an isolate share one thread. The computation of a password hash blocks the shared thread for
//! tens of milliseconds. In the pause after each hash, the isolate can handle commands. The shared state consists of
//! numbers and contains no promises. A Durable Object therefore never waits for the I/O of another Durable Object.

use std::cell::RefCell;

use pinlatch_protocol::problem::{Code, Problem};

/// The minimum pause after a password hash, in milliseconds.
const PAUSE_MS: u64 = 50;

/// The length of the pause, as a multiple of the time that the password hash took. With a factor of
/// 3, the thread of the isolate is free for three quarters of the time, even on a slow machine. In
/// a deployed Worker, the clock does not advance during a computation. In a deployed Worker, the
/// measured time of a hash is therefore 0, and the pause is [`PAUSE_MS`].
const PAUSE_FACTOR: u64 = 3;

/// The maximum number of waiting logins, in addition to the first login in the queue.
const MAX_WAITING: usize = 8;

thread_local! {
    static QUEUE: RefCell<Queue> = const { RefCell::new(Queue { next_ticket: 0, waiting: Vec::new(), free_at_ms: 0 }) };
}

/// The queue of waiting logins, and the earliest time of the next password hash.
#[derive(Default)]
struct Queue {
    next_ticket: u64,
    waiting: Vec<u64>,
    free_at_ms: u64,
}

impl Queue {
    fn join(&mut self) -> Option<u64> {
        if self.waiting.len() > MAX_WAITING {
            return None;
        }
        self.next_ticket += 1;
        self.waiting.push(self.next_ticket);
        Some(self.next_ticket)
    }

    /// Returns `Ok` if the login with this ticket is first in the queue and the pause has ended. If the login must
    /// wait, this function returns the milliseconds until the next attempt.
    fn turn(&mut self, ticket: u64, now_ms: u64) -> Result<(), u64> {
        let before = self.waiting.iter().take_while(|other| **other != ticket).count() as u64;
        if before == 0 && now_ms >= self.free_at_ms {
            return Ok(());
        }
        Err(self.free_at_ms.saturating_sub(now_ms).max(1) + before * PAUSE_MS)
    }

    fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|other| *other != ticket);
    }

    fn end(&mut self, began_ms: u64, now_ms: u64) {
        let took = now_ms.saturating_sub(began_ms);
        self.free_at_ms = now_ms + PAUSE_MS.max(took * PAUSE_FACTOR);
    }
}

/// A login's place in the queue. When this value is dropped, the login leaves the queue.
pub struct Waiting {
    ticket: u64,
}

impl Waiting {
    /// Adds a login to the queue. If the queue is full, this function returns 429 `throttled`.
    pub fn join() -> Result<Self, Problem> {
        match QUEUE.with_borrow_mut(Queue::join) {
            Some(ticket) => Ok(Self { ticket }),
            None => Err(Problem::new(Code::Throttled).detail("too many logins at the moment").retry_after(1)),
        }
    }

    /// Returns a [`Turn`] if this login can compute a password hash now. If the login must wait, this function returns
    /// the milliseconds until the next attempt.
    pub fn turn(&self, now_ms: u64) -> Result<Turn, u64> {
        QUEUE.with_borrow_mut(|queue| queue.turn(self.ticket, now_ms))?;
        Ok(Turn { began_ms: now_ms })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        QUEUE.with_borrow_mut(|queue| queue.leave(self.ticket));
    }
}

/// The right of a login to compute a password hash now, within the current event.
pub struct Turn {
    began_ms: u64,
}

impl Turn {
    /// Ends the login's turn after the password hash, and starts the pause.
    pub fn end(self, now_ms: u64) {
        QUEUE.with_borrow_mut(|queue| queue.end(self.began_ms, now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_and_in_order() {
        let mut queue = Queue::default();
        let tickets: Vec<u64> = std::iter::from_fn(|| queue.join()).collect();
        assert_eq!(tickets.len(), MAX_WAITING + 1);
        assert_eq!(queue.turn(tickets[0], 10), Ok(()));
        assert!(queue.turn(tickets[1], 10).is_err(), "one at a time");
        queue.leave(tickets[0]);
        queue.end(10, 40);
        assert_eq!(queue.turn(tickets[1], 40), Err(90), "a pause of thrice the hash");
        assert!(queue.join().is_some(), "a place is free again");
        assert_eq!(queue.turn(tickets[1], 130), Ok(()));
        assert!(queue.turn(tickets[2], 130).is_err());
    }

    #[test]
    fn where_the_clock_stands_still_the_pause_is_fixed() {
        let mut queue = Queue::default();
        queue.end(500, 500);
        let ticket = queue.join().unwrap();
        assert_eq!(queue.turn(ticket, 501), Err(49));
        assert_eq!(queue.turn(ticket, 550), Ok(()));
    }
}
