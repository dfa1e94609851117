//! Limits password hashing to one hash at a time, with a pause after each hash, and decides which login is next. All
//! gates of an isolate share one queue.
//!
//! All Durable Objects of an isolate share one thread. The computation of a password hash blocks the shared thread for
//! tens of milliseconds. In the pause after each hash, the isolate can handle commands. The shared state consists of
//! numbers and texts and contains no promises. A Durable Object therefore never waits for the I/O of another Durable
//! Object.
//!
//! A flood of logins must not keep other people from logging in. Known clients are therefore first. Among the other
//! clients, the address with the fewest recent failed logins is first. If the queue is full, the last login in this
//! order is refused.

use std::cell::RefCell;

use pinlatch_protocol::problem::{Code, Problem};

use super::client::Attempt;
use super::failures::{throttled, wait_ms};
use crate::pressure::Pressure;

/// The minimum pause after a password hash, in milliseconds.
const PAUSE_MS: u64 = 50;

/// The length of the pause, as a multiple of the time that the password hash took. With a factor of
/// 3, the thread of the isolate is free for three quarters of the time, even on a slow machine. In
/// a deployed Worker, the clock does not advance during a computation. In a deployed Worker, the
/// measured time of a hash is therefore 0, and the pause is [`PAUSE_MS`].
const PAUSE_FACTOR: u64 = 3;

/// The maximum number of logins in the queue.
const MAX_WAITING: usize = 32;

/// The maximum time in the queue, in milliseconds.
const MAX_WAITING_MS: u64 = 15_000;

/// The period in which the number of failed logins of an address decreases by one, in milliseconds.
pub const ADDRESS_PERIOD_MS: u64 = 300_000;

/// The number of failed logins of one address, over all accounts of a site, before a waiting time starts.
pub const FREE_ADDRESS_FAILURES: u64 = 20;

/// The period in which the number of failed logins of an account decreases by one, in milliseconds.
pub const ACCOUNT_PERIOD_MS: u64 = 60_000;

/// The number of failed logins of one account, from all unknown clients, before the checks of the account's password
/// become slower.
pub const FREE_ACCOUNT_FAILURES: u64 = 100;

/// The minimum time between two checks of an account's password after too many failed logins, in milliseconds. Known
/// clients do not wait.
pub const ACCOUNT_PACE_MS: u64 = 2_000;

thread_local! {
    static QUEUE: RefCell<Queue> = const { RefCell::new(Queue::new()) };
}

/// The waiting logins, and the counts that determine their order.
struct Queue {
    next_ticket: u64,
    /// The waiting logins in their order.
    waiting: Vec<Place>,
    free_at_ms: u64,
    addresses: Pressure,
    accounts: Pressure,
}

/// A login in the queue.
struct Place {
    /// Whether the client is unknown, and the number of recent failed logins from its address. The lowest rank is
    /// first.
    rank: (bool, u64),
    ticket: u64,
    since_ms: u64,
    /// The account whose password checks can be slower. A known client has no such account.
    account: Option<String>,
}

/// The reason why a login cannot compute a password hash now.
#[derive(Debug, PartialEq, Eq)]
pub enum NotNow {
    /// The login must ask again after this time, in milliseconds.
    Wait(u64),
    /// The login has lost its place in the queue.
    Lost,
}

impl Queue {
    const fn new() -> Self {
        Self {
            next_ticket: 0,
            waiting: Vec::new(),
            free_at_ms: 0,
            addresses: Pressure::new(ADDRESS_PERIOD_MS),
            accounts: Pressure::new(ACCOUNT_PERIOD_MS),
        }
    }

    /// Adds a login to the queue. Returns `None` if the queue is full and no other login comes after this login.
    fn join(&mut self, rank: (bool, u64), account: Option<String>, now_ms: u64) -> Option<u64> {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        let at = self.waiting.partition_point(|place| place.rank <= rank);
        self.waiting.insert(at, Place { rank, ticket, since_ms: now_ms, account });
        if self.waiting.len() > MAX_WAITING {
            let last = self.waiting.pop();
            return Some(ticket).filter(|ticket| last.is_none_or(|last| last.ticket != *ticket));
        }
        Some(ticket)
    }

    /// Returns `Ok` if this login is the first that can be checked, and the pause has ended.
    fn turn(&self, ticket: u64, now_ms: u64) -> Result<(), NotNow> {
        let at = self.waiting.iter().position(|place| place.ticket == ticket).ok_or(NotNow::Lost)?;
        let (before, own) = self.waiting.split_at(at);
        let own = own.first().ok_or(NotNow::Lost)?;
        if now_ms > own.since_ms + MAX_WAITING_MS {
            return Err(NotNow::Lost);
        }
        let before = before.iter().filter(|place| self.paced_until(place) <= now_ms).count() as u64;
        let start = self.free_at_ms.max(self.paced_until(own));
        if before == 0 && now_ms >= start {
            return Ok(());
        }
        Err(NotNow::Wait(start.saturating_sub(now_ms).max(1) + before * PAUSE_MS))
    }

    /// Returns the time before which the password of the login's account is not checked again.
    fn paced_until(&self, place: &Place) -> u64 {
        match &place.account {
            Some(account) if self.accounts.count(account, place.since_ms) > FREE_ACCOUNT_FAILURES => {
                self.accounts.last_ms(account) + ACCOUNT_PACE_MS
            }
            _ => 0,
        }
    }

    fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|other| other.ticket != ticket);
    }

    fn end(&mut self, began_ms: u64, now_ms: u64) {
        let took = now_ms.saturating_sub(began_ms);
        self.free_at_ms = now_ms + PAUSE_MS.max(took * PAUSE_FACTOR);
    }
}

/// Counts an attempt of an address as a failed login. During a waiting time of the address, this function returns 429
/// `throttled` and counts nothing.
pub fn count_address(attempt: &Attempt, now_ms: u64) -> Result<(), Problem> {
    if attempt.client.is_known() {
        return Ok(());
    }
    let key = address_key(attempt);
    QUEUE.with_borrow_mut(|queue| {
        let over = queue.addresses.count(&key, now_ms).saturating_sub(FREE_ADDRESS_FAILURES);
        let until = queue.addresses.last_ms(&key) + wait_ms(over);
        if until > now_ms {
            return Err(throttled(until - now_ms));
        }
        queue.addresses.add(&key, now_ms);
        Ok(())
    })
}

/// Removes an attempt from the failed logins of its address, because its password was correct or was not checked.
pub fn take_back(attempt: &Attempt) {
    QUEUE.with_borrow_mut(|queue| queue.addresses.take_back(&address_key(attempt)));
}

/// Counts a failed login of an account.
pub fn count_account(attempt: &Attempt, now_ms: u64) {
    if !attempt.client.is_known() {
        QUEUE.with_borrow_mut(|queue| queue.accounts.add(&attempt.account(), now_ms));
    }
}

fn address_key(attempt: &Attempt) -> String {
    format!("{} {}", attempt.site, attempt.client.key())
}

/// A login's place in the queue. When this value is dropped, the login leaves the queue.
pub struct Waiting {
    ticket: u64,
}

impl Waiting {
    /// Adds a login to the queue. If the queue is full, this function returns 429 `throttled`.
    pub fn join(attempt: &Attempt, now_ms: u64) -> Result<Self, Problem> {
        let is_unknown = !attempt.client.is_known();
        let account = is_unknown.then(|| attempt.account());
        QUEUE.with_borrow_mut(|queue| {
            // The count contains the logins from this address that are already in the queue.
            let rank = (is_unknown, queue.addresses.count(&address_key(attempt), now_ms));
            queue.join(rank, account, now_ms).map(|ticket| Self { ticket }).ok_or_else(full)
        })
    }

    /// Adds the hash of a new password to the queue. A token or a one-time code has allowed the new password, so the
    /// hash comes before all logins.
    pub fn join_first(now_ms: u64) -> Result<Self, Problem> {
        QUEUE.with_borrow_mut(|queue| {
            queue.join((false, 0), None, now_ms).map(|ticket| Self { ticket }).ok_or_else(full)
        })
    }

    /// Returns a [`Turn`] if this login can compute a password hash now.
    pub fn turn(&self, now_ms: u64) -> Result<Turn, NotNow> {
        QUEUE.with_borrow(|queue| queue.turn(self.ticket, now_ms))?;
        Ok(Turn { began_ms: now_ms })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        QUEUE.with_borrow_mut(|queue| queue.leave(self.ticket));
    }
}

/// Returns 429 `throttled` for a full queue.
pub fn full() -> Problem {
    Problem::new(Code::Throttled).detail("too many logins at the moment").retry_after(1)
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

    const NEW: (bool, u64) = (true, 0);
    const BUSY: (bool, u64) = (true, 3);
    const KNOWN: (bool, u64) = (false, 0);

    fn join(queue: &mut Queue, rank: (bool, u64)) -> Option<u64> {
        queue.join(rank, Some("home owner".into()), 0)
    }

    #[test]
    fn the_queue_is_bounded_and_in_order() {
        let mut queue = Queue::new();
        let tickets: Vec<u64> = std::iter::from_fn(|| join(&mut queue, NEW)).collect();
        assert_eq!(tickets.len(), MAX_WAITING);
        assert_eq!(queue.turn(tickets[0], 10), Ok(()));
        assert!(queue.turn(tickets[1], 10).is_err(), "one at a time");
        queue.leave(tickets[0]);
        queue.end(10, 40);
        assert_eq!(queue.turn(tickets[1], 40), Err(NotNow::Wait(90)), "a pause of thrice the hash");
        assert!(join(&mut queue, NEW).is_some(), "a place is free again");
        assert_eq!(queue.turn(tickets[1], 130), Ok(()));
        assert!(queue.turn(tickets[2], 130).is_err());
        assert_eq!(queue.turn(tickets[2], MAX_WAITING_MS + 1), Err(NotNow::Lost), "it waited too long");
    }

    #[test]
    fn new_and_known_clients_come_before_busy_clients() {
        let mut queue = Queue::new();
        let busy: Vec<u64> = std::iter::from_fn(|| join(&mut queue, BUSY)).collect();
        let new = join(&mut queue, NEW).unwrap();
        let known = queue.join(KNOWN, None, 0).unwrap();
        assert_eq!(queue.turn(known, 0), Ok(()));
        assert!(queue.turn(new, 0).is_err());
        queue.leave(known);
        assert_eq!(queue.turn(new, 0), Ok(()));
        // The two newest logins of the busy clients have lost their places.
        assert_eq!(queue.turn(busy[MAX_WAITING - 1], 0), Err(NotNow::Lost));
        assert_eq!(queue.turn(busy[MAX_WAITING - 2], 0), Err(NotNow::Lost));
        assert!(matches!(queue.turn(busy[MAX_WAITING - 3], 0), Err(NotNow::Wait(_))));
        assert!(join(&mut queue, BUSY).is_some(), "the known client has left its place");
        assert_eq!(join(&mut queue, (true, 4)), None, "nobody comes after this login");
    }

    #[test]
    fn an_attacked_account_is_checked_slowly_for_unknown_clients() {
        let mut queue = Queue::new();
        for _ in 0..=FREE_ACCOUNT_FAILURES {
            queue.accounts.add("home owner", 1_000);
        }
        let attacked = queue.join(NEW, Some("home owner".into()), 1_000).unwrap();
        let other = queue.join(BUSY, Some("home ann".into()), 1_000).unwrap();
        assert_eq!(queue.turn(attacked, 1_000), Err(NotNow::Wait(ACCOUNT_PACE_MS)));
        assert_eq!(queue.turn(other, 1_000), Ok(()), "other accounts do not wait");
        assert_eq!(queue.turn(attacked, 1_000 + ACCOUNT_PACE_MS), Ok(()));
        let known = queue.join(KNOWN, None, 1_000).unwrap();
        assert_eq!(queue.turn(known, 1_000), Ok(()), "a known client does not wait");
    }

    #[test]
    fn where_the_clock_stands_still_the_pause_is_fixed() {
        let mut queue = Queue::new();
        queue.end(500, 500);
        let ticket = queue.join(NEW, None, 500).unwrap();
        assert_eq!(queue.turn(ticket, 501), Err(NotNow::Wait(49)));
        assert_eq!(queue.turn(ticket, 550), Ok(()));
    }
}
