//! Limits which tests run on the host at the same time. Most tests run in parallel. At most two tests emulate a board
//! at the same time. Tests that measure time run alone.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The locks that tests have at present, and the number of waiting threads.
#[derive(Default)]
struct Claims {
    /// The number of locks that tests have at present, for each mode.
    held: [usize; 3],
    /// The number of threads that wait until other tests have finished. While this number is not zero, new requests for
    /// shared locks must wait. If new requests did not wait, an exclusive request could wait until all other tests have
    /// finished.
    waiting: usize,
}

static CLAIMS: Mutex<Claims> = Mutex::new(Claims { held: [0; 3], waiting: 0 });
static CHANGED: Condvar = Condvar::new();

/// The mode of a lock on the host. The numeric value of the mode is its index in [`Claims::held`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum LockMode {
    BesideOthers = 0,
    Emulating = 1,
    Alone = 2,
}

impl Claims {
    /// Returns whether the present locks exclude a new lock in this mode.
    fn is_taken_for(&self, mode: LockMode) -> bool {
        let [beside, emulating, alone] = self.held;
        match mode {
            LockMode::BesideOthers => emulating + alone > 0,
            // Each emulator needs one processor core, and the host has at least two processor cores.
            LockMode::Emulating => beside + alone > 0 || emulating >= 2,
            LockMode::Alone => beside + emulating + alone > 0,
        }
    }
}

/// The maximum time for which a waiting exclusive request blocks new shared requests. Without a
/// time limit, a test that has a shared lock could wait forever for its own thread that requests another shared lock.
const PRIORITY: Duration = Duration::from_secs(60);

thread_local! {
    /// The number of locks that the current thread has. A thread that already has a lock gets another lock without
    /// waiting for exclusive requests.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// The permission to use the host. A test may have several locks of the mode `BesideOthers`, but only one lock of any
/// other mode.
pub struct HostLock(LockMode);

impl HostLock {
    /// Waits until no other test has an exclusive lock. If another test is waiting for an exclusive lock, this function
    /// first lets that test run, but waits for at most `PRIORITY`.
    pub fn beside_others() -> Self {
        let first = MINE.get() == 0;
        let wait = |claims: &mut Claims| {
            claims.is_taken_for(LockMode::BesideOthers) || (first && claims.waiting > 0)
        };
        let (claims, _) =
            CHANGED.wait_timeout_while(lock(), PRIORITY, wait).unwrap_or_else(PoisonError::into_inner);
        Self::hold(claims, LockMode::BesideOthers)
    }

    /// Waits until no other test runs, except at most one other test that emulates a board.
    pub fn emulating() -> Self {
        Self::before_others(LockMode::Emulating)
    }

    /// Waits until no other test runs, and blocks all other tests until the lock is dropped.
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
        // A thread whose own count is zero can drop a lock that another thread took. `saturating_sub` prevents an
        // underflow of the count in this case.
        MINE.set(MINE.get().saturating_sub(1));
        CHANGED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}
