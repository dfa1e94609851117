//! Resolves a host name and opens a TCP connection to the first IP address that accepts the connection.
//!
//! While the edge is unreachable, the agent repeats this connection attempt until the edge is reachable again. A failed
//! attempt causes only a name lookup and some TCP SYN packets, and no work for the edge.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pinlatch_protocol::loopback::localhost;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::uplink::connect_error::HttpError;

/// The maximum time until one of the IP addresses accepts the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The delay before the agent also tries the next IP address in parallel (RFC 8305 §5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// The interval between new connection attempts to IP addresses that have not responded. The kernel repeats a TCP SYN
/// packet only after 1, 3 and 7 seconds, which is too slow after a network has recovered.
const AGAIN: Duration = Duration::from_secs(1);
const MAX_ADDRESSES: usize = 4;
/// The timeout of a name lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a name lookup if IP addresses from an earlier lookup are known.
const LOOKUP_PATIENCE: Duration = Duration::from_millis(500);

type Lookup = JoinHandle<io::Result<Vec<SocketAddr>>>;

/// Stores the IP addresses of one host name. The agent uses the stored addresses while no name server responds. A
/// server at a stored address must still prove that it is the edge.
#[derive(Default)]
pub struct Resolver {
    known: RefCell<Option<(String, Vec<SocketAddr>)>>,
    /// A name lookup that exceeded its timeout and is still running. At most one lookup is pending at any time.
    pending: RefCell<Option<(String, Lookup)>>,
}

impl Resolver {
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        if let Some(addresses) = localhost(host) {
            return Ok(addresses.map(|ip| SocketAddr::new(ip, port)).to_vec());
        }
        let name = format!("{host}:{port}");
        let pending = self.pending.take().filter(|(pending, _)| *pending == name);
        let mut lookup = match pending {
            Some((_, lookup)) => lookup,
            None => {
                let name = name.clone();
                tokio::spawn(async move { Ok(lookup_host(name).await?.collect()) })
            }
        };
        let known = self.known.borrow().clone().filter(|(known, _)| *known == name);
        let patience = if known.is_some() { LOOKUP_PATIENCE } else { LOOKUP_TIMEOUT };
        let failed = match timeout(patience, &mut lookup).await {
            Ok(Ok(Ok(found))) if !found.is_empty() => {
                self.known.replace(Some((name, found.clone())));
                return Ok(found);
            }
            Ok(Ok(Ok(_))) => Some(io::Error::new(io::ErrorKind::NotFound, "the host name has no IP address")),
            Ok(Ok(Err(error))) => Some(error),
            Ok(Err(error)) => Some(error.into()),
            Err(_) => {
                self.pending.replace(Some((name.clone(), lookup)));
                None
            }
        };
        match (known, failed) {
            (Some((_, addresses)), _) => Ok(addresses),
            (None, Some(error)) => Err(HttpError::Unreachable(name, error)),
            (None, None) => Err(HttpError::Timeout("the name lookup")),
        }
    }

    /// Connects to the first IP address of `host` that accepts the connection.
    pub async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, HttpError> {
        let addresses = self.addresses(host, port).await?;
        let unreachable = |error| HttpError::Unreachable(format!("{host}:{port}"), error);
        let stream = first(addresses).await.map_err(unreachable)?;
        // The socket must not wait for more data before it sends, because the answer to a command is one small frame.
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(stream)
    }
}

/// Orders IP addresses so that IPv4 and IPv6 addresses alternate. The first address has the address family that the
/// system prefers (RFC 8305 §4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let preferred = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == preferred);
    let mut mixed = Vec::new();
    while mixed.len() < MAX_ADDRESSES && !(one.is_empty() && other.is_empty()) {
        mixed.extend(one.pop_front());
        mixed.extend(other.pop_front());
    }
    mixed.truncate(MAX_ADDRESSES);
    mixed
}

/// Connects to the first IP address that accepts the connection. An address that does not respond delays the connection
/// by a quarter of a second.
async fn first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let start = Instant::now();
    let mut queue: VecDeque<SocketAddr> = interleaved(addresses).into();
    let mut silent: Vec<SocketAddr> = Vec::new();
    let mut attempts = FuturesUnordered::new();
    let (mut next_at, mut again_at) = (start, start + AGAIN);
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    loop {
        if queue.is_empty() && silent.is_empty() {
            return Err(last);
        }
        tokio::select! {
            Some((address, result)) = attempts.next(), if !attempts.is_empty() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    last = error;
                    silent.retain(|silent| *silent != address);
                    next_at = Instant::now();
                }
            },
            () = sleep_until(next_at), if !queue.is_empty() => {
                if let Some(address) = queue.pop_front() {
                    silent.push(address);
                    attempts.push(attempt(address));
                }
                next_at = Instant::now() + NEXT_ADDRESS;
            }
            () = sleep_until(again_at), if !silent.is_empty() => {
                attempts.extend(silent.iter().copied().map(attempt));
                again_at = Instant::now() + AGAIN;
            }
            () = sleep_until(start + CONNECT_TIMEOUT) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

async fn attempt(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    (address, TcpStream::connect(address).await)
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// A listener with a full accept queue. The kernel drops further TCP SYN packets to this listener, so the listener
    /// appears to be unreachable.
    struct Dead {
        address: SocketAddr,
        listener: TcpListener,
        _queued: Vec<TcpStream>,
    }

    impl Dead {
        async fn new() -> Self {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(0).unwrap();
            let address = listener.local_addr().unwrap();
            let mut queued = Vec::new();
            while let Ok(Ok(stream)) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await
            {
                queued.push(stream);
            }
            Self { address, listener, _queued: queued }
        }

        /// Accepts all connections to the listener from now on.
        async fn accept_all(self) {
            while self.listener.accept().await.is_ok() {}
        }
    }

    fn addresses(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let mixed = interleaved(addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]));
        assert_eq!(mixed, addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1"]));
        assert_eq!(interleaved(addresses(&["1.1.1.1:1"])), addresses(&["1.1.1.1:1"]));
        assert_eq!(interleaved(Vec::new()), []);
    }

    #[tokio::test]
    async fn a_dead_address_costs_a_quarter_of_a_second() {
        let dead = Dead::new().await;
        let living = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let start = Instant::now();
        let stream = first(vec![dead.address, living.local_addr().unwrap()]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), living.local_addr().unwrap());
        assert!((NEXT_ADDRESS..CONNECT_TIMEOUT / 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn an_address_that_refuses_costs_nothing() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let living = TcpListener::bind("[::1]:0").await.unwrap();
        let start = Instant::now();
        first(vec![gone, living.local_addr().unwrap()]).await.unwrap();
        assert!(start.elapsed() < NEXT_ADDRESS, "{:?}", start.elapsed());
        assert_eq!(first(vec![gone]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    /// If an IP address becomes reachable after 1.2 s, the agent connects within about one second. The kernel would
    /// repeat its TCP SYN packet only at 3 s.
    #[tokio::test]
    async fn an_address_that_comes_back_is_reached_soon() {
        let dead = Dead::new().await;
        let address = dead.address;
        let start = Instant::now();
        let revived = Duration::from_millis(1_200);
        tokio::spawn(async move {
            tokio::time::sleep(revived).await;
            dead.accept_all().await;
        });
        first(vec![address]).await.unwrap();
        let took = start.elapsed();
        assert!((revived..revived + AGAIN + NEXT_ADDRESS).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn a_name_server_that_is_away_does_not_matter_once_a_name_is_known() {
        let (resolver, listener) = (Resolver::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let name = format!("no-such-host.invalid:{}", address.port());
        resolver.known.replace(Some((name.clone(), vec![address])));
        resolver.dial("no-such-host.invalid", address.port()).await.unwrap();
        // While a name lookup has not finished, the resolver does not start a second lookup of the same name.
        let hanging = tokio::spawn(std::future::pending());
        let id = hanging.id();
        resolver.pending.replace(Some((name, hanging)));
        resolver.dial("no-such-host.invalid", address.port()).await.unwrap();
        let pending = resolver.pending.borrow().as_ref().map(|(_, lookup)| lookup.id());
        assert_eq!(pending, Some(id));
    }
}
