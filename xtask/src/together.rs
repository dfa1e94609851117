//! Runs jobs in parallel.

use std::{
    cell::RefCell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::{Result, anyhow};

thread_local! {
    /// The flag of this thread's group, which is set when a job of the group has failed.
    static FAILED: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// The error of a job that was stopped because another job failed. [`both`] returns the error of the failed job
/// instead.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped because another step failed")
    }
}

impl std::error::Error for Stopped {}

/// Returns whether a parallel job has failed, so that the current job should stop.
pub fn should_stop() -> bool {
    FAILED.with_borrow(|failed| failed.as_ref().is_some_and(|failed| failed.load(Ordering::SeqCst)))
}

/// Runs two jobs in parallel, and runs `second` in another thread. If one job fails, the programs of the other job are
/// stopped. The error of the failed job is then returned. Calls of this function can be nested: a failure also stops
/// the outer group of jobs.
pub fn both<A, B: Send>(
    first: impl FnOnce() -> Result<A>,
    second: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B)> {
    let outer = FAILED.with_borrow(Clone::clone);
    let group = outer.clone().unwrap_or_default();
    let (one, other) = thread::scope(|scope| {
        let handle = scope.spawn(|| member(&group, second));
        let one = member(&group, first);
        (one, handle.join())
    });
    FAILED.set(outer);
    let other = other.unwrap_or_else(|_| Err(anyhow!("a step panicked")));
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        (Err(one), Err(other)) => Err(if one.is::<Stopped>() { other } else { one }),
    }
}

fn member<T>(group: &Arc<AtomicBool>, job: impl FnOnce() -> Result<T>) -> Result<T> {
    FAILED.set(Some(group.clone()));
    let result = job();
    if result.is_err() {
        group.store(true, Ordering::SeqCst);
    }
    result
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration, time::Instant};

    use super::*;
    use crate::process;

    #[test]
    fn results_come_in_order() {
        assert_eq!(both(|| Ok(1), || Ok("two")).unwrap(), (1, "two"));
        assert_eq!(both(|| Ok(1), || both(|| Ok(2), || Ok(3))).unwrap(), (1, (2, 3)));
    }

    #[test]
    fn a_failure_ends_the_programs_of_other_jobs() {
        let began = Instant::now();
        let sleep = || process::quietly("sleeping", Command::new("sleep").arg("600"));
        let error = both(sleep, || both(sleep, || Err::<(), _>(anyhow!("no disk")))).unwrap_err();
        assert_eq!(error.to_string(), "no disk");
        assert!(began.elapsed() < Duration::from_secs(60));
        assert!(!should_stop(), "the failure outlived its group");
    }
}
