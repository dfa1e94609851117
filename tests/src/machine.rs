//! The machine, which tests share: most run beside each other, those that measure time run alone.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who has the machine and who wants it to themselves.
struct Claims {
    /// How many hold it beside each other, or [`ALONE`].
    holders: usize,
    /// How many wait to be alone. Whoever comes after them waits too: else they would wait for the very last.
    waiting: usize,
}

static CLAIMS: Mutex<Claims> = Mutex::new(Claims { holders: 0, waiting: 0 });
static CHANGED: Condvar = Condvar::new();

const ALONE: usize = usize::MAX;

/// How long whoever waits to be alone goes first. They wait for those that hold the machine, who may themselves wait
/// for a thread of theirs that asks for it.
const PRIORITY: Duration = Duration::from_secs(60);

thread_local! {
    /// How many holds this thread has: with one it gets another at once.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// A hold on the machine. One test may have several; none that has one may ask for [`Machine::alone`].
pub struct Machine(());

impl Machine {
    /// Waits until nobody measures or waits to.
    pub fn beside_others() -> Self {
        let first = MINE.get() == 0;
        let wait = |claims: &mut Claims| claims.holders == ALONE || (first && claims.waiting > 0);
        let (claims, _) =
            CHANGED.wait_timeout_while(lock(), PRIORITY, wait).unwrap_or_else(PoisonError::into_inner);
        Self::hold(claims, |claims| claims.holders == ALONE, |claims| claims.holders += 1)
    }

    /// Waits until nobody else runs, and keeps others waiting.
    pub fn alone() -> Self {
        let mut claims = lock();
        claims.waiting += 1;
        let take = |claims: &mut Claims| {
            claims.waiting -= 1;
            claims.holders = ALONE;
        };
        Self::hold(claims, |claims| claims.holders > 0, take)
    }

    fn hold(
        claims: MutexGuard<'static, Claims>,
        busy: impl Fn(&mut Claims) -> bool,
        take: impl FnOnce(&mut Claims),
    ) -> Self {
        let mut claims = CHANGED.wait_while(claims, busy).unwrap_or_else(PoisonError::into_inner);
        take(&mut claims);
        MINE.set(MINE.get() + 1);
        Self(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut claims = lock();
        claims.holders = if claims.holders == ALONE { 0 } else { claims.holders - 1 };
        // Where it is another thread that lets go, it had none.
        MINE.set(MINE.get().saturating_sub(1));
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}
