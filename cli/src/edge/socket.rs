//! Implements the WebSocket connection on which the edge sends live events. Reading a message blocks the thread, and a
//! ping is sent every few seconds.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use pinlatch_protocol::agent::PROOF_HEADER;
use pinlatch_protocol::close;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::loopback::localhost;
use pinlatch_protocol::problem::Problem;
use pinlatch_protocol::{PING, PING_EVERY_MS, PONG, SILENCE_LIMIT_MS, SUBPROTOCOL};
use rustls::{ClientConfig, RootCertStore};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::http::{HeaderValue, header};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Connector, Error, HandshakeError, Message, WebSocket, client_tls_with_config};
use url::Url;

use crate::edge::api::own_authorities;
use crate::edge::session::Session;

/// The time limit for opening the connection and for each write.
const PATIENCE: Duration = Duration::from_secs(15);

/// The maximum size of a WebSocket message, in bytes. The largest message is the snapshot of a large site.
const LARGEST: usize = 4 << 20;

/// The reason for a failed wait if the edge has sent nothing.
const SILENT: &str = "the edge sent nothing";

/// The reason why a connection ended or could not be opened.
#[derive(Debug)]
pub enum End {
    /// The access token has expired or was revoked.
    SessionEnded,
    /// An event was missed, so a new snapshot is needed.
    Gap,
    /// The edge refused the connection.
    Refused(Box<Problem>),
    /// The connection broke or could not be opened.
    Lost(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionEnded => f.write_str("the session ended"),
            Self::Gap => f.write_str("an event was missed"),
            Self::Refused(problem) => problem.fmt(f),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

pub struct Socket {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    last_frame_at: Instant,
    pinged: Instant,
}

impl Socket {
    /// Opens the WebSocket connection. The outer `Result` is an error if no further attempt can succeed. The inner
    /// `Result` is an error if only this attempt failed.
    pub fn open(session: &Session) -> Result<Result<Self, End>> {
        let request = request(session)?;
        Ok(Self::connect(&session.url, request, connector(&session.url)?))
    }

    fn connect(url: &Url, request: Request, connector: Connector) -> Result<Self, End> {
        let stream = reach(url)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
        match client_tls_with_config(request, stream, Some(config), Some(connector)) {
            Ok((socket, _)) => {
                let now = Instant::now();
                let opened = Self { socket, last_frame_at: now, pinged: now };
                opened.limit(Duration::from_millis(PING_EVERY_MS))?;
                Ok(opened)
            }
            Err(HandshakeError::Failure(Error::Http(answer))) => {
                let status = answer.status();
                match answer.body().as_deref().and_then(|body| serde_json::from_slice(body).ok()) {
                    Some(problem) => Err(End::Refused(Box::new(problem))),
                    None => Err(End::Lost(format!("the edge answered with status {status}"))),
                }
            }
            Err(HandshakeError::Failure(error)) => Err(End::Lost(error.to_string())),
            Err(HandshakeError::Interrupted(_)) => Err(End::Lost("the edge did not answer".into())),
        }
    }

    /// Waits for the next message. The wait has no time limit while the edge answers pings.
    pub fn read(&mut self) -> Result<String, End> {
        loop {
            self.give_sign()?;
            match self.socket.read() {
                Ok(Message::Text(text)) if text.as_str() == PONG => self.last_frame_at = Instant::now(),
                Ok(Message::Text(text)) => {
                    self.last_frame_at = Instant::now();
                    return Ok(text.as_str().to_owned());
                }
                Ok(Message::Close(frame)) => {
                    return Err(match frame {
                        Some(frame) if u16::from(frame.code) == close::SESSION_ENDED => End::SessionEnded,
                        _ => End::Lost("the edge closed the connection".into()),
                    });
                }
                Ok(_) => {}
                Err(Error::Io(error)) if is_timeout(&error) => {}
                Err(error) => return Err(End::Lost(error.to_string())),
            }
        }
    }

    /// Waits until the edge has sent a message, at most for the given time.
    pub fn read_within(&mut self, time: Duration) -> Result<String, End> {
        self.limit(time)?;
        let read = self.socket.read();
        self.limit(Duration::from_millis(PING_EVERY_MS))?;
        match read {
            Ok(Message::Text(text)) => Ok(text.as_str().to_owned()),
            Ok(_) => Err(End::Lost("the edge closed the connection".into())),
            Err(Error::Io(error)) if is_timeout(&error) => Err(End::Lost(SILENT.into())),
            Err(error) => Err(End::Lost(error.to_string())),
        }
    }

    /// Sends nothing for the time between two pings, and then checks that the edge answers a ping.
    pub fn survives_a_pause(&mut self) -> Result<(), End> {
        let end = Instant::now() + Duration::from_millis(PING_EVERY_MS);
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            match self.read_within(left) {
                Err(End::Lost(why)) if why == SILENT => break,
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        self.socket.send(Message::text(PING)).map_err(|error| End::Lost(error.to_string()))?;
        while self.read_within(PATIENCE)? != PONG {}
        Ok(())
    }

    /// Sends a ping if the next ping is due. Returns an error if the edge has sent nothing for
    /// [`SILENCE_LIMIT_MS`].
    fn give_sign(&mut self) -> Result<(), End> {
        if self.last_frame_at.elapsed() > Duration::from_millis(SILENCE_LIMIT_MS) {
            return Err(End::Lost("the edge stopped answering".into()));
        }
        if self.pinged.elapsed() >= Duration::from_millis(PING_EVERY_MS) {
            self.socket.send(Message::text(PING)).map_err(|error| End::Lost(error.to_string()))?;
            self.pinged = Instant::now();
        }
        Ok(())
    }

    fn limit(&self, limit: Duration) -> io::Result<()> {
        match self.socket.get_ref() {
            MaybeTlsStream::Plain(stream) => stream.set_read_timeout(Some(limit)),
            MaybeTlsStream::Rustls(stream) => stream.get_ref().set_read_timeout(Some(limit)),
            _ => Ok(()),
        }
    }
}

/// Sends the WebSocket upgrade of an agent with an invalid certificate. Returns the HTTP status of the response.
pub fn probe_upgrade(base: &Url) -> Result<u16> {
    let mut request = upgrade(base, &Endpoint::Agent)?;
    request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer invalid"));
    request.headers_mut().insert(PROOF_HEADER, HeaderValue::from_static("invalid"));
    let stream = reach(base).map_err(|end| anyhow!("{end}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    match client_tls_with_config(request, stream, None, Some(connector(base)?)) {
        Err(HandshakeError::Failure(Error::Http(answer))) => Ok(answer.status().as_u16()),
        Err(HandshakeError::Failure(error)) => Err(error.into()),
        Err(HandshakeError::Interrupted(_)) => Err(anyhow!("the edge did not answer")),
        Ok(_) => Ok(101),
    }
}

fn connector(url: &Url) -> Result<Connector> {
    Ok(if url.scheme() == "https" { Connector::Rustls(tls()?) } else { Connector::Plain })
}

fn request(session: &Session) -> Result<Request> {
    let mut request = upgrade(&session.url, &Endpoint::Events)?;
    let mut bearer = HeaderValue::from_str(&session.bearer())
        .context("the stored access token is damaged; run `pinlatch login`")?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    Ok(request)
}

/// Returns the WebSocket upgrade request for an endpoint.
fn upgrade(base: &Url, endpoint: &Endpoint) -> Result<Request> {
    let mut url = base
        .join(&endpoint.path())
        .context("the stored URL of the deployment is invalid; run `pinlatch login`")?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme)
        .ok()
        .context("the stored URL of the deployment is invalid; run `pinlatch login`")?;
    let mut request = url
        .as_str()
        .into_client_request()
        .context("the stored URL of the deployment is invalid; run `pinlatch login`")?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(request)
}

/// Connects to the first IP address of the host that answers.
fn reach(url: &Url) -> Result<TcpStream, End> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses = match localhost(host) {
        Some(local) => local.map(|ip| SocketAddr::new(ip, port)).to_vec(),
        None => (host, port).to_socket_addrs()?.collect(),
    };
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(End::Lost(format!("cannot reach {host}: {last}")))
}

/// Creates the TLS configuration. The connection trusts the same CAs as the HTTP client of this program.
fn tls() -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match own_authorities()? {
        Some(own) => {
            for certificate in own {
                roots
                    .add(certificate.der().to_vec().into())
                    .context("PINLATCH_CA_FILE contains an invalid CA certificate")?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
