//! Sites with owners, which are prepared before a test needs one. The gate limits the rate of password hashes, so
//! without prepared sites, tests that start at the same time would wait for each other.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{HostLock, Site};

/// Number of prepared sites.
const READY: usize = 8;
/// Longest age of a prepared site. The token of a site's owner is valid for ten minutes, and a test needs most of this
/// time.
const FRESH: Duration = Duration::from_secs(120);

static SITES: LazyLock<Mutex<Receiver<(Instant, Site<'static>)>>> = LazyLock::new(|| {
    let (ready, sites) = sync_channel(READY);
    std::thread::spawn(move || while ready.send(made()).is_ok() {});
    Mutex::new(sites)
});

/// Returns a prepared site, if one is available.
pub fn take() -> Option<Site<'static>> {
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.try_iter().find(|(made, _)| made.elapsed() < FRESH).map(|(_, site)| site)
}

/// Creates a site while no test has an exclusive lock on the host. Returns the site and its time of creation.
fn made() -> (Instant, Site<'static>) {
    let _host_lock = HostLock::beside_others();
    let site = Site::fresh();
    (Instant::now(), site)
}
