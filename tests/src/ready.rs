//! Creates sites with owners in advance, before a test needs a site. The gate, which verifies passwords, limits the
//! rate of password hashes. Without prepared sites, tests that start at the same time would wait for each other at the
//! gate.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::host_lock::HostLock;
use crate::site::Site;

/// The maximum number of prepared sites.
const READY: usize = 8;
/// The maximum age of a prepared site. The access token of a site's owner is valid for ten minutes, and a test needs
/// most of these ten minutes.
const FRESH: Duration = Duration::from_secs(120);

static SITES: LazyLock<Mutex<Receiver<(Instant, Site<'static>)>>> = LazyLock::new(|| {
    let (ready, sites) = sync_channel(READY);
    std::thread::spawn(move || while ready.send(made()).is_ok() {});
    Mutex::new(sites)
});

impl Site<'static> {
    /// Returns a new site of the shared deployment.
    pub fn shared() -> Self {
        let host_lock = HostLock::beside_others();
        Self { _host_lock: Some(host_lock), ..take().unwrap_or_else(Self::fresh) }
    }
}

/// Returns a prepared site, if one is available.
fn take() -> Option<Site<'static>> {
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.try_iter().find(|(made, _)| made.elapsed() < FRESH).map(|(_, site)| site)
}

/// Creates a site at a time when no test has an exclusive lock on the host. Returns the site's creation time and the
/// site.
fn made() -> (Instant, Site<'static>) {
    let _host_lock = HostLock::beside_others();
    let site = Site::fresh();
    (Instant::now(), site)
}
