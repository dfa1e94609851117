//! A client for the panel socket, which is the WebSocket on which the panel receives live events.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Response;
use tungstenite::{Error, Message, WebSocket, client};

use crate::http::local;

/// An open connection to the panel socket of the edge.
pub struct Panel {
    socket: WebSocket<Stream>,
    unread: VecDeque<Value>,
    /// The snapshot of the site, which is the first frame that the edge sends.
    pub snapshot: Value,
}

/// The HTTP response of the server if it refuses a WebSocket upgrade.
pub type Refusal = Box<tungstenite::http::Response<Option<Vec<u8>>>>;

/// The transport of a WebSocket, which is either plain TCP or TLS.
#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// Opens a WebSocket with extra HTTP headers. If the server refuses the upgrade, the error contains the HTTP response.
pub fn open(
    origin: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(WebSocket<Stream>, Response), Refusal> {
    open_trusting(origin, path, headers, None)
}

/// Works like [`open`], but uses TLS if the certificate of an authority is given.
fn open_trusting(
    origin: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    authority: Option<&[u8]>,
) -> Result<(WebSocket<Stream>, Response), Refusal> {
    let (scheme, host) = origin.split_once("://").expect("an origin");
    assert_eq!(scheme == "https", authority.is_some(), "{origin}");
    let mut request = format!("{}://{host}{path}", if authority.is_some() { "wss" } else { "ws" })
        .into_client_request()
        .expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "pinlatch.v1".parse().expect("a value"));
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    let stream = TcpStream::connect(local(host)).expect("workerd");
    stream.set_nodelay(true).expect("no delay");
    let stream = match authority {
        Some(authority) => Stream::Tls(Box::new(secure(stream, host, authority))),
        None => Stream::Plain(stream),
    };
    match client(request, stream) {
        Ok(opened) => Ok(opened),
        Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer),
        Err(error) => panic!("{path}: {error}"),
    }
}

fn secure(stream: TcpStream, host: &str, authority: &[u8]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority)).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let (name, _) = host.rsplit_once(':').expect("a port");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("TLS"), stream)
}

impl Panel {
    /// Opens a panel socket with a bearer token, and reads the snapshot.
    pub fn open(origin: &str, token: &str) -> Self {
        Self::open_trusting(origin, token, None)
    }

    /// Works like [`Panel::open`], but uses TLS if the certificate of an authority is given.
    pub fn open_trusting(origin: &str, token: &str, authority: Option<&[u8]>) -> Self {
        let bearer = format!("Bearer {token}");
        let (socket, response) =
            open_trusting(origin, "/api/v1/events", &[("authorization", &bearer)], authority)
                .expect("an upgrade");
        assert_eq!(response.headers()["sec-websocket-protocol"], "pinlatch.v1");
        let mut panel = Self { socket, unread: VecDeque::new(), snapshot: Value::Null };
        panel.snapshot = panel.until("a snapshot", |frame| frame["type"] == "snapshot");
        panel
    }

    pub fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).expect("an open socket");
    }

    /// Sends a text frame, which may contain an invalid message.
    pub fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("an open socket");
    }

    /// Waits for the next frame that satisfies `fits`, for at most 15 seconds. Frames that do not satisfy `fits` are
    /// stored for later calls.
    #[track_caller]
    pub fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(15);
        if let Some(index) = self.unread.iter().position(&fits) {
            return self.unread.remove(index).expect("it was found");
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no frame in time: {what}; unread: {:?}", self.unread);
            match self.read(left) {
                Ok(Some(frame)) if fits(&frame) => return frame,
                Ok(Some(frame)) => self.unread.push_back(frame),
                Ok(None) => {}
                Err(error) => panic!("socket ended before {what}: {error}"),
            }
        }
    }

    /// Sends a command on the panel socket, and returns the result of the command.
    pub fn command(&mut self, id: &str, device: &str, line: &str, action: &str, args: Value) -> Value {
        self.send(&serde_json::json!({
            "type": "command", "id": id, "device": device, "line": line, "action": action, "args": args,
        }));
        self.until("a result", |frame| frame["id"] == id)
    }

    /// Waits at most 15 seconds until the edge closes the socket, and returns the close code. Returns 1006 if the
    /// connection ends without a close code.
    pub fn close_code(&mut self) -> u16 {
        let deadline = Instant::now() + Duration::from_secs(15);
        while Instant::now() < deadline {
            self.limit(Duration::from_millis(200));
            match self.socket.read() {
                Ok(Message::Close(Some(frame))) => return frame.code.into(),
                Ok(_) => {}
                Err(Error::Io(error)) if is_timeout(&error) => {}
                Err(_) => return 1006,
            }
        }
        panic!("the socket stays open");
    }

    fn read(&mut self, limit: Duration) -> Result<Option<Value>, Error> {
        self.limit(limit);
        match self.socket.read() {
            Ok(Message::Text(text)) => Ok(serde_json::from_str(&text).ok()),
            Ok(_) => Ok(None),
            Err(Error::Io(error)) if is_timeout(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn limit(&self, limit: Duration) {
        self.socket
            .get_ref()
            .tcp()
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
            .expect("a timeout");
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
