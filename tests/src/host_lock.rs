//! A lock on the host. Most tests run in parallel, at most two tests emulate a board at the same time, and tests that
//! measure time run alone.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The current locks and the waiting threads.
#[derive(Default)]
struct Claims {
    /// Number of current locks in each mode.
    held: [usize; 3],
    /// Number of threads that wait until other tests have finished. New requests queue behind these threads. Otherwise
    /// these threads could wait until all other tests have finished.
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
    /// Whether the current locks exclude a lock in this mode.
    fn is_taken_for(&self, mode: LockMode) -> bool {
        let [beside, emulating, alone] = self.held;
        match mode {
            LockMode::BesideOthers => emulating + alone > 0,
            // Each emulator needs one processor, and the host has at least two.
            LockMode::Emulating => beside + alone > 0 || emulating >= 2,
            LockMode::Alone => beside + emulating + alone > 0,
        }
    }
}

/// How long an exclusive request blocks new shared requests. The time is limited, because the tests that have the lock
/// can have other threads that request the lock.
const PRIORITY: Duration = Duration::from_secs(60);

thread_local! {
    /// Number of locks that this thread has. A thread that has a lock gets another lock without queueing.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// Permission to use the host. A test is allowed to take several locks of the mode `BesideOthers`, but only one lock of
/// another mode.
pub struct HostLock(LockMode);

impl HostLock {
    /// Waits while another test has an exclusive lock. Also waits while another test is waiting for an exclusive lock,
    /// for at most `PRIORITY`.
    pub fn beside_others() -> Self {
        let first = MINE.get() == 0;
        let wait = |claims: &mut Claims| {
            claims.is_taken_for(LockMode::BesideOthers) || (first && claims.waiting > 0)
        };
        let (claims, _) =
            CHANGED.wait_timeout_while(lock(), PRIORITY, wait).unwrap_or_else(PoisonError::into_inner);
        Self::hold(claims, LockMode::BesideOthers)
    }

    /// Waits until nothing runs, except at most one other test that emulates a board.
    pub fn emulating() -> Self {
        Self::before_others(LockMode::Emulating)
    }

    /// Waits until nothing else runs, and blocks all other tests.
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
        // If another thread drops the lock, the count of that thread can be zero.
        MINE.set(MINE.get().saturating_sub(1));
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}
