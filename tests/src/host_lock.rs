//! The machine, which tests share: most run beside each other, emulated machines in twos, those that measure time alone.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who has the machine and who wants it without the others.
#[derive(Default)]
struct Claims {
    /// How many hold it in each way.
    held: [usize; 3],
    /// How many wait for all others to be gone. Whoever comes after them waits too: else they would wait for the very
    /// last.
    waiting: usize,
}

static CLAIMS: Mutex<Claims> = Mutex::new(Claims { held: [0; 3], waiting: 0 });
static CHANGED: Condvar = Condvar::new();

/// A way to hold the machine, and its place among the counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LockMode {
    BesideOthers = 0,
    Emulating = 1,
    Alone = 2,
}

impl Claims {
    /// Whether somebody holds it in a way that another cannot be beside.
    fn is_taken_for(&self, mode: LockMode) -> bool {
        let [beside, emulating, alone] = self.held;
        match mode {
            LockMode::BesideOthers => emulating + alone > 0,
            // Each needs a processor, and there are two at the least.
            LockMode::Emulating => beside + alone > 0 || emulating >= 2,
            LockMode::Alone => beside + emulating + alone > 0,
        }
    }
}

/// How long whoever waits for others to be gone goes first. Those others may themselves wait for a thread of theirs
/// that asks for the machine.
const PRIORITY: Duration = Duration::from_secs(60);

thread_local! {
    /// How many holds this thread has: with one it gets another at once.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// A hold on the machine. One test may have several beside others, and only one of another kind.
pub struct HostLock(LockMode);

impl HostLock {
    /// Waits until nobody measures or waits to.
    pub fn beside_others() -> Self {
        let first = MINE.get() == 0;
        let wait = |claims: &mut Claims| {
            claims.is_taken_for(LockMode::BesideOthers) || (first && claims.waiting > 0)
        };
        let (claims, _) =
            CHANGED.wait_timeout_while(lock(), PRIORITY, wait).unwrap_or_else(PoisonError::into_inner);
        Self::hold(claims, LockMode::BesideOthers)
    }

    /// Waits until nobody else runs but another that emulates a machine.
    pub fn emulating() -> Self {
        Self::before_others(LockMode::Emulating)
    }

    /// Waits until nobody else runs, and keeps others waiting.
    pub fn alone() -> Self {
        Self::before_others(LockMode::Alone)
    }

    fn before_others(mode: LockMode) -> Self {
        let mut claims = lock();
        claims.waiting += 1;
        let host_lock = Self::hold(claims, mode);
        lock().waiting -= 1;
        CHANGED.notify_all();
        host_lock
    }

    fn hold(claims: MutexGuard<'static, Claims>, mode: LockMode) -> Self {
        let wait = |claims: &mut Claims| claims.is_taken_for(mode);
        let mut claims = CHANGED.wait_while(claims, wait).unwrap_or_else(PoisonError::into_inner);
        claims.held[mode as usize] += 1;
        MINE.set(MINE.get() + 1);
        Self(mode)
    }
}

impl Drop for HostLock {
    fn drop(&mut self) {
        lock().held[self.0 as usize] -= 1;
        // Where it is another thread that lets go, it had none.
        MINE.set(MINE.get().saturating_sub(1));
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}
