//! The machine, which tests share: most run beside each other, those that measure time run alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many hold the machine: tests beside each other, or `ALONE`.
static HOLDERS: Mutex<usize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

const ALONE: usize = usize::MAX;

/// A hold on the machine. One test may have several; none that has one may ask for [`Machine::alone`].
pub struct Machine(());

impl Machine {
    /// Waits until nobody measures.
    pub fn beside_others() -> Self {
        let mut holders = wait_while(|holders| *holders == ALONE);
        *holders += 1;
        Self(())
    }

    /// Waits until nobody else runs, and keeps others waiting.
    pub fn alone() -> Self {
        let mut holders = wait_while(|holders| *holders > 0);
        *holders = ALONE;
        Self(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        *holders = if *holders == ALONE { 0 } else { *holders - 1 };
        CHANGED.notify_all();
    }
}

fn wait_while(busy: impl Fn(&mut usize) -> bool) -> MutexGuard<'static, usize> {
    let holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    CHANGED.wait_while(holders, busy).unwrap_or_else(PoisonError::into_inner)
}
