//! Rationing: one password hash at a time, with pauses, over all gates of an isolate.
//!
//! Objects of one isolate share its thread, and a hash holds it for about 30 ms. Spacing them leaves
//! room for commands between any two. Slots are reserved, not queued for: a reservation is a number, so
//! nothing is shared between objects that belongs to the I/O of one of them.

use std::cell::Cell;

use pinlatch_protocol::problem::{Code, Problem};

/// From the beginning of one hash to that of the next, in milliseconds: the hash and a 50 ms pause.
const SPACING_MS: u64 = 85;

/// How many may wait.
const MAX_WAITING: u64 = 8;

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Reserves a slot and says how long to wait for it, in milliseconds; 429 when too many wait already.
pub fn reserve(now_ms: u64) -> Result<u64, Problem> {
    NEXT.with(|next| {
        let (slot, following) = plan(next.get(), now_ms)
            .ok_or_else(|| Problem::new(Code::Throttled).detail("too many logins at once").retry_after(1))?;
        next.set(following);
        Ok(slot - now_ms)
    })
}

/// The slot and the one after it.
fn plan(next: u64, now_ms: u64) -> Option<(u64, u64)> {
    let slot = next.max(now_ms);
    (slot - now_ms <= MAX_WAITING * SPACING_MS).then_some((slot, slot + SPACING_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_spaced_and_the_queue_is_bounded() {
        let (mut next, mut waits) = (0, Vec::new());
        while let Some((slot, following)) = plan(next, 1_000) {
            waits.push(slot - 1_000);
            next = following;
        }
        assert_eq!(waits.len() as u64, MAX_WAITING + 1);
        assert!(waits.windows(2).all(|pair| pair[1] - pair[0] == SPACING_MS));
        assert!(plan(next, 1_000 + SPACING_MS).is_some(), "a slot later there is room again");
    }
}
