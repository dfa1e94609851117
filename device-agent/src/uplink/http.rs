//! Parses the edge's URL and sends HTTP/1.1 requests over one connection. The connection can be upgraded to a
//! WebSocket.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use pinlatch_protocol::loopback::is_loopback;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::uplink::connect_error::HttpError;
use crate::uplink::dial::Resolver;
use crate::uplink::proxy::Proxy;
use crate::uplink::tls::Validity;

/// The timeout of a TLS handshake and of an HTTP answer.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of the body of an HTTP answer, in bytes.
const MAX_BODY: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("invalid edge URL: expected https://HOST or https://HOST:PORT without a path")]
    Form,
    /// Unencrypted HTTP to another machine is not allowed.
    #[error(
        "unencrypted http is allowed only to this machine: use https, or set allow_plaintext = true (for `pinlatch-agent enrol`: --allow-plaintext)"
    )]
    Plaintext,
}

/// A byte stream to the edge, which is a TCP stream or a TLS stream over TCP.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub type BoxStream = Box<dyn Stream>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
}

impl Endpoint {
    /// Parses an edge URL in the form `https://HOST[:PORT]`. A URL with `http://` is accepted only for a loopback
    /// address, or if `allow_plaintext` is true.
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

    /// Returns the host and the port in the form that the HTTP method `CONNECT` needs.
    fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Returns the base URL of the edge without a trailing slash.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

/// The settings that are needed to open a connection to an edge.
pub struct Connector<'a> {
    pub endpoint: &'a Endpoint,
    pub proxy: Option<&'a Proxy>,
    pub tls: &'a TlsConnector,
    pub resolver: &'a Resolver,
}

impl Connector<'_> {
    async fn dial(&self) -> Result<TcpStream, HttpError> {
        let Endpoint { host, port, .. } = self.endpoint;
        match self.proxy {
            None => self.resolver.dial(host, *port).await,
            Some(proxy) => proxy.tunnel(self.resolver, &self.endpoint.host_and_port()).await,
        }
    }
}

/// One HTTP/1.1 connection to the edge.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: HeaderValue,
    validity: Option<Validity>,
}

impl Connection {
    pub async fn open(connector: &Connector<'_>) -> Result<Self, HttpError> {
        let tcp = connector.dial().await?;
        let Connector { endpoint, tls, .. } = connector;
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

    /// Returns the validity period of the edge's TLS certificate. The caller must check that edge time is within this
    /// period.
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Sends an HTTP request whose URI is only a path. The function returns when the head of the answer has arrived.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("pinlatch-agent/", env!("CARGO_PKG_VERSION"))),
        );
        let answer = timeout(STEP_TIMEOUT, self.sender.send_request(request));
        Ok(answer.await.map_err(|_| HttpError::Timeout("the edge's answer"))??)
    }
}

/// Reads the body of an HTTP answer, which must not exceed `MAX_BODY` bytes.
pub async fn body(answer: Response<Incoming>) -> Result<Bytes, HttpError> {
    let body = Limited::new(answer.into_body(), MAX_BODY).collect();
    let body = timeout(STEP_TIMEOUT, body).await;
    let body = body.map_err(|_| HttpError::Timeout("the body of the edge's answer"))?;
    Ok(body.map_err(|error| HttpError::Body(error.to_string()))?.to_bytes())
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
        assert_eq!(edge.host_and_port(), "[2001:db8::1]:8443");
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
