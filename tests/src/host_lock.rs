//! A lock on the host, which the tests share: most tests run in parallel, at most two emulate a board, and those that
//! measure time run alone.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Current holders and waiters.
#[derive(Default)]
struct Claims {
    /// Number of locks held in each mode.
    held: [usize; 3],
    /// Number of threads that wait for the others to finish. New requests queue behind them; otherwise these threads
    /// could wait until all other tests are done.
    waiting: usize,
}

static CLAIMS: Mutex<Claims> = Mutex::new(Claims { held: [0; 3], waiting: 0 });
static CHANGED: Condvar = Condvar::new();

/// The mode of a lock. The value is its index in [`Claims::held`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum LockMode {
    BesideOthers = 0,
    Emulating = 1,
    Alone = 2,
}

impl Claims {
    /// Whether a held lock excludes this mode.
    fn is_taken_for(&self, mode: LockMode) -> bool {
        let [beside, emulating, alone] = self.held;
        match mode {
            LockMode::BesideOthers => emulating + alone > 0,
            // Each emulator needs a processor, and the host has at least two.
            LockMode::Emulating => beside + alone > 0 || emulating >= 2,
            LockMode::Alone => beside + emulating + alone > 0,
        }
    }
}

/// How long an exclusive request blocks new shared ones. Limited, because the tests that it waits for may have threads
/// that request the lock themselves.
const PRIORITY: Duration = Duration::from_secs(60);

thread_local! {
    /// Number of locks that this thread has. A thread with a lock gets another one without queueing.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// Access to the host. A test may take several locks of the mode `BesideOthers`, but only one of another mode.
pub struct HostLock(LockMode);

impl HostLock {
    /// Waits while another test has an exclusive lock or, for up to `PRIORITY`, waits for one.
    pub fn beside_others() -> Self {
        let first = MINE.get() == 0;
        let wait = |claims: &mut Claims| {
            claims.is_taken_for(LockMode::BesideOthers) || (first && claims.waiting > 0)
        };
        let (claims, _) =
            CHANGED.wait_timeout_while(lock(), PRIORITY, wait).unwrap_or_else(PoisonError::into_inner);
        Self::hold(claims, LockMode::BesideOthers)
    }

    /// Waits until nothing runs except at most one other emulating test.
    pub fn emulating() -> Self {
        Self::before_others(LockMode::Emulating)
    }

    /// Waits until nothing else runs, and blocks all others.
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
        // If another thread drops the lock, that thread's count may be zero.
        MINE.set(MINE.get().saturating_sub(1));
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}
