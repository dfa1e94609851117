//! Sites with owners, made before a test asks for one. The gate spaces the hashes of passwords, so that tests that begin
//! together would wait for each other.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{HostLock, Site};

/// How many are kept.
const READY: usize = 8;
/// How long one is kept: its owner's token lives ten minutes, and a test wants most of them.
const FRESH: Duration = Duration::from_secs(120);

static SITES: LazyLock<Mutex<Receiver<(Instant, Site<'static>)>>> = LazyLock::new(|| {
    let (ready, sites) = sync_channel(READY);
    std::thread::spawn(move || while ready.send(made()).is_ok() {});
    Mutex::new(sites)
});

/// A site that is ready, if there is one.
pub fn take() -> Option<Site<'static>> {
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.try_iter().find(|(made, _)| made.elapsed() < FRESH).map(|(_, site)| site)
}

/// A new one, when nobody has the machine alone, and when it was made.
fn made() -> (Instant, Site<'static>) {
    let _host_lock = HostLock::beside_others();
    let site = Site::fresh();
    (Instant::now(), site)
}
