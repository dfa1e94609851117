//! Defines the connections of a proxy, and the noise on them.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The random disturbance that the proxy applies to WebSocket text frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noise {
    /// The maximum delay of a frame. Later frames wait until the delayed frame is sent.
    pub delay: Duration,
    /// The percentage of frames that are sent twice.
    pub duplicated: u8,
    /// The percentage of frames that are swapped with the next frame.
    pub swapped: u8,
}

pub(super) struct Shared {
    pub(super) upstream: SocketAddr,
    pub(super) stopping: AtomicBool,
    pub(super) refusing: AtomicBool,
    pub(super) frozen: AtomicBool,
    pub(super) noise: Mutex<Noise>,
    pub(super) random: Mutex<fastrand::Rng>,
    pub(super) links: Mutex<Vec<Arc<Link>>>,
    pub(super) frames_to_agents: Mutex<Vec<String>>,
}

/// One connection of an agent through the proxy.
pub(super) struct Link {
    pub(super) agent: TcpStream,
    pub(super) edge: TcpStream,
    /// Whether the connection has switched from HTTP to WebSocket frames.
    pub(super) upgraded: AtomicBool,
    /// Whether the connection is half-open. On a half-open connection no data is forwarded, and neither end is
    /// notified.
    pub(super) stuck: AtomicBool,
    /// Whether the proxy truncates the next frame to the agent.
    pub(super) cut_next: AtomicBool,
    pub(super) closed: AtomicBool,
}

impl Link {
    pub(super) fn close(&self) {
        self.closed.store(true, SeqCst);
        // Either socket can be closed already, so errors are ignored.
        let _ = self.agent.shutdown(Shutdown::Both);
        let _ = self.edge.shutdown(Shutdown::Both);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
