//! A TCP proxy between an agent and the edge that spoils the link.
//!
//! TCP itself neither duplicates nor reorders, so after the upgrade the proxy works on whole WebSocket frames
//! (RFC 6455 §5.2): they can come late, twice or in another order, stop halfway, or stay away while both
//! sockets stay open. It can also take no connections at all, as a network that is down.

mod frames;
mod pump;

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pump::Towards;

use crate::http::local;

/// What happens to text frames, at random.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noise {
    /// The longest time that a frame is kept back; those behind it wait too.
    pub delay: Duration,
    /// How many of a hundred frames come twice.
    pub duplicated: u8,
    /// How many of a hundred frames let the next one pass first.
    pub swapped: u8,
}

/// A running proxy; it ends, with its connections, with this value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddr,
    stopping: AtomicBool,
    refusing: AtomicBool,
    frozen: AtomicBool,
    noise: Mutex<Noise>,
    random: Mutex<fastrand::Rng>,
    links: Mutex<Vec<Arc<Link>>>,
    heard: Mutex<Vec<String>>,
}

/// One connection of an agent.
struct Link {
    agent: TcpStream,
    edge: TcpStream,
    /// Whether frames are spoken, rather than HTTP.
    upgraded: AtomicBool,
    /// Half-open: nothing moves any more, and nobody is told.
    stuck: AtomicBool,
    /// The next frame to the agent ends halfway.
    cut_next: AtomicBool,
    closed: AtomicBool,
}

impl Link {
    fn close(&self) {
        self.closed.store(true, SeqCst);
        // Either may be gone already.
        let _ = self.agent.shutdown(Shutdown::Both);
        let _ = self.edge.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Listens on a free port, in front of an `http://` origin. The seed decides all that is random.
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
            heard: Mutex::default(),
        });
        let own = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &own));
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Its origin, to put in the place of the edge's.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to text frames from now on.
    pub fn noise(&self, noise: Noise) {
        *lock(&self.shared.noise) = noise;
    }

    /// Ends every connection at once, with what was on its way.
    pub fn cut(&self) {
        lock(&self.shared.links).drain(..).for_each(|link| link.close());
    }

    /// Lets the next frame to each agent arrive half, and ends its connection there.
    pub fn cut_mid_frame(&self) {
        lock(&self.shared.links).iter().for_each(|link| link.cut_next.store(true, SeqCst));
    }

    /// The network is gone: connections end and no new one comes through.
    pub fn down(&self) {
        self.shared.refusing.store(true, SeqCst);
        self.cut();
    }

    /// The network is back.
    pub fn up(&self) {
        self.shared.refusing.store(false, SeqCst);
    }

    /// Nothing arrives until [`Proxy::thaw`]; what is sent meanwhile arrives then.
    pub fn freeze(&self) {
        self.shared.frozen.store(true, SeqCst);
    }

    /// Ends a freeze.
    pub fn thaw(&self) {
        self.shared.frozen.store(false, SeqCst);
    }

    /// The connections of now stay open at both ends, and nothing arrives on them ever again. New ones work.
    pub fn half_open(&self) {
        lock(&self.shared.links).iter().for_each(|link| link.stuck.store(true, SeqCst));
    }

    /// Every text frame that the edge sent towards agents.
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared.heard).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, SeqCst);
        self.cut();
        // Wakes the acceptor.
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
        // Nobody listens while the edge restarts.
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
