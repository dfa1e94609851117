//! A TCP proxy between an agent and the edge, which disturbs their connection.
//!
//! TCP neither duplicates nor reorders data, so after the HTTP upgrade the proxy handles whole WebSocket frames (RFC
//! 6455 §5.2). The proxy can delay, duplicate, reorder or truncate WebSocket frames. The proxy can also stop forwarding
//! data while both sockets stay open. Furthermore, the proxy can refuse all connections, which simulates that the
//! network is down.

mod frames;
mod link;
mod pump;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use link::Noise;
use link::{Link, Shared, lock};
use pump::Towards;

use crate::http::local;

/// A running proxy. Dropping a `Proxy` stops the proxy and ends its connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy on a free port, which forwards connections to an `http://` origin. The argument `seed` determines
    /// all random choices of the proxy.
    pub fn start(origin: &str, seed: u64) -> Self {
        let upstream =
            local(origin.strip_prefix("http://").expect("plain http")).parse().expect("an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            upstream,
            stopping: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            noise: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            links: Mutex::default(),
            frames_to_agents: Mutex::default(),
        });
        let own = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &own));
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Returns the origin of the proxy, which the agent uses instead of the edge's origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the random disturbance of WebSocket text frames.
    pub fn noise(&self, noise: Noise) {
        *lock(&self.shared.noise) = noise;
    }

    /// Ends every connection at once, and discards the data that has not been forwarded yet.
    pub fn cut(&self) {
        lock(&self.shared.links).drain(..).for_each(|link| link.close());
    }

    /// Truncates the next frame to each agent, and then ends the connection to that agent.
    pub fn cut_mid_frame(&self) {
        lock(&self.shared.links).iter().for_each(|link| link.cut_next.store(true, SeqCst));
    }

    /// Simulates that the network is down. The proxy ends all connections and refuses new connections.
    pub fn down(&self) {
        self.shared.refusing.store(true, SeqCst);
        self.cut();
    }

    /// Simulates that the network is up again after [`Proxy::down`].
    pub fn up(&self) {
        self.shared.refusing.store(false, SeqCst);
    }

    /// Stops forwarding data until [`Proxy::thaw`] is called, which then forwards the retained data.
    pub fn freeze(&self) {
        self.shared.frozen.store(true, SeqCst);
    }

    pub fn thaw(&self) {
        self.shared.frozen.store(false, SeqCst);
    }

    /// Makes the current connections half-open. Both ends of a half-open connection stay open, but no data is
    /// forwarded. New connections are not affected.
    pub fn half_open(&self) {
        lock(&self.shared.links).iter().for_each(|link| link.stuck.store(true, SeqCst));
    }

    /// Returns all text frames that the edge sent to agents.
    pub fn frames_to_agents(&self) -> Vec<String> {
        lock(&self.shared.frames_to_agents).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, SeqCst);
        self.cut();
        // A connection to the proxy's own address wakes the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut pumps: Vec<JoinHandle<()>> = Vec::new();
    while let Ok((agent, _)) = listener.accept() {
        if shared.stopping.load(SeqCst) {
            break;
        }
        if shared.refusing.load(SeqCst) {
            continue;
        }
        // The connection to the edge fails while the edge restarts.
        let Ok(edge) = TcpStream::connect(shared.upstream) else { continue };
        pumps.retain(|pump| !pump.is_finished());
        pumps.extend(connect(shared, agent, edge));
    }
    lock(&shared.links).drain(..).for_each(|link| link.close());
    pumps.into_iter().for_each(|pump| drop(pump.join()));
}

fn connect(shared: &Arc<Shared>, agent: TcpStream, edge: TcpStream) -> Vec<JoinHandle<()>> {
    agent.set_nodelay(true).expect("no delay");
    edge.set_nodelay(true).expect("no delay");
    let link = Arc::new(Link {
        agent,
        edge,
        upgraded: AtomicBool::new(false),
        stuck: AtomicBool::new(false),
        cut_next: AtomicBool::new(false),
        closed: AtomicBool::new(false),
    });
    let mut links = lock(&shared.links);
    links.retain(|link| !link.closed.load(SeqCst));
    links.push(link.clone());
    [Towards::Edge, Towards::Agent]
        .map(|towards| {
            let (shared, link) = (shared.clone(), link.clone());
            std::thread::spawn(move || pump::run(&shared, &link, towards))
        })
        .into()
}
