//! The way to the edge: where it is, and HTTP/1.1 over one connection that a WebSocket may take over.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::Validity;

/// How long one address may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a lookup, a TLS handshake or an answer may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const MAX_BODY: usize = 64 * 1024;

/// Why an edge's address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL of the expected form.
    #[error("the edge's address is https://HOST or https://HOST:PORT, with nothing after it")]
    Form,
    /// Plain HTTP to elsewhere than this machine.
    #[error("plain http is spoken to this machine only: use https, or allow plaintext explicitly")]
    Plaintext,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The name does not resolve, or no address accepts.
    #[error("cannot reach {0}: {1}")]
    Unreachable(String, io::Error),
    /// The TLS handshake failed.
    #[error("TLS with {0}: {1}")]
    Tls(String, io::Error),
    /// A step took too long.
    #[error("{0} took too long")]
    Timeout(&'static str),
    /// HTTP itself failed.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written.
    #[error("HTTP: {0}")]
    Request(#[from] hyper::http::Error),
    /// The answer's body is too large or broke off.
    #[error("the answer's body: {0}")]
    Body(String),
}

/// Any byte stream: TCP, or TLS over it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The stream that a connection runs over.
pub type BoxStream = Box<dyn Stream>;

/// Where the edge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
}

impl Endpoint {
    /// Reads `https://HOST[:PORT]`, or `http://…` where that stays on this machine or is allowed.
    pub fn parse(url: &str, allow_plaintext: bool) -> Result<Self, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError::Form)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EndpointError::Form),
        };
        let authority = uri.authority().ok_or(EndpointError::Form)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !url.contains('#');
        if !bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(EndpointError::Form);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if !tls && !allow_plaintext && !is_loopback(&host) {
            return Err(EndpointError::Plaintext);
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port, authority: authority.to_string() })
    }

    /// The base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// One HTTP/1.1 connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: HeaderValue,
    validity: Option<Validity>,
}

impl Connection {
    /// Connects.
    pub async fn open(endpoint: &Endpoint, tls: &TlsConnector) -> Result<Self, HttpError> {
        let tcp = dial(endpoint).await?;
        let mut validity = None;
        let stream: BoxStream = if endpoint.tls {
            let failed = |error| HttpError::Tls(endpoint.host.clone(), error);
            let name = ServerName::try_from(endpoint.host.clone())
                .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
            let stream = timeout(STEP_TIMEOUT, tls.connect(name, tcp))
                .await
                .map_err(|_| HttpError::Timeout("the TLS handshake"))?
                .map_err(failed)?;
            let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            validity = leaf.and_then(Validity::of);
            Box::new(stream)
        } else {
            Box::new(tcp)
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "the HTTP connection ended");
            }
        });
        let authority = HeaderValue::try_from(&endpoint.authority).map_err(hyper::http::Error::from)?;
        Ok(Self { sender, authority, validity })
    }

    /// From when until when the edge's certificate is valid; edge time must lie within.
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Whether another request can be sent.
    pub async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request whose URI is a path, and returns the answer's head.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("pinlatch-agent/", env!("CARGO_PKG_VERSION"))),
        );
        let answer = timeout(STEP_TIMEOUT, self.sender.send_request(request));
        Ok(answer.await.map_err(|_| HttpError::Timeout("the answer"))??)
    }
}

/// Reads an answer's body, up to a limit.
pub async fn body(answer: Response<Incoming>) -> Result<Bytes, HttpError> {
    let body = Limited::new(answer.into_body(), MAX_BODY).collect();
    let body = timeout(STEP_TIMEOUT, body).await.map_err(|_| HttpError::Timeout("the answer's body"))?;
    Ok(body.map_err(|error| HttpError::Body(error.to_string()))?.to_bytes())
}

/// Connects to the first address that accepts, so that a broken IPv6 route costs seconds, not the link.
async fn dial(endpoint: &Endpoint) -> Result<TcpStream, HttpError> {
    let unreachable = |error| HttpError::Unreachable(endpoint.authority.clone(), error);
    let addresses: Vec<SocketAddr> =
        timeout(STEP_TIMEOUT, lookup_host((endpoint.host.as_str(), endpoint.port)))
            .await
            .map_err(|_| HttpError::Timeout("the name lookup"))?
            .map_err(unreachable)?
            .collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A command's answer is one small frame: it must not wait for more.
                stream.set_nodelay(true).map_err(unreachable)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(unreachable(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_a_host_and_a_port() {
        let edge = Endpoint::parse("https://pinlatch.example/", false).unwrap();
        assert_eq!((edge.port, edge.url().as_str()), (443, "https://pinlatch.example"));
        let edge = Endpoint::parse("https://[2001:db8::1]:8443", false).unwrap();
        assert_eq!((edge.host.as_str(), edge.port), ("2001:db8::1", 8443));
        for url in [
            "",
            "pinlatch.example",
            "ftp://x",
            "https://",
            "https://x/y",
            "https://x/?q",
            "https://x/#c",
            "https://u:p@x",
        ] {
            assert_eq!(Endpoint::parse(url, true), Err(EndpointError::Form), "{url}");
        }
    }

    #[test]
    fn plaintext_stays_on_this_machine() {
        for url in ["http://127.0.0.1:8787", "http://localhost", "http://[::1]:80/"] {
            assert!(Endpoint::parse(url, false).is_ok(), "{url}");
        }
        for url in ["http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example"] {
            assert_eq!(Endpoint::parse(url, false), Err(EndpointError::Plaintext), "{url}");
            assert!(Endpoint::parse(url, true).is_ok(), "{url}");
        }
    }
}
