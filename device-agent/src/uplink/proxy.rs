//! Connects to the edge through an HTTP proxy with the method `CONNECT` (RFC 9110 §9.3.6). If a user name and a
//! password are configured, the agent sends them to the proxy (Basic authentication, RFC 7617).
//!
//! The proxy sees only the edge's host name, the edge's port and encrypted data. TLS and all signed messages are end to
//! end between the agent and the edge.

use std::fmt;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use pinlatch_protocol::api::Secret;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::uplink::connect_error::{HttpError, ProxyError};
use crate::uplink::dial::Resolver;

/// The timeout for the proxy's answer, including the time in which the proxy connects to the edge.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum length of the host name, the user name and the password in the proxy's URL, each in bytes.
const MAX_PART: usize = 255;

/// The error for an invalid value of the configuration key `proxy`. The error message never contains the value, because
/// the value can contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; in USER and PASSWORD, write all characters except letters, digits and -._~ as %XX"
)]
pub struct ProxyUrlError;

#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The value of the HTTP header `Proxy-Authorization`, in the form `Basic …`.
    authorization: Option<Secret>,
}

impl Proxy {
    /// Parses a proxy URL in the form `http://[USER:PASSWORD@]HOST:PORT`.
    pub fn parse(url: &str) -> Result<Self, ProxyUrlError> {
        let rest = url.strip_prefix("http://").ok_or(ProxyUrlError)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, authority) = match rest.rsplit_once('@') {
            Some((login, authority)) => (Some(login), authority),
            None => (None, rest),
        };
        let uri: Uri = format!("http://{authority}").parse().map_err(|_| ProxyUrlError)?;
        let bare = uri.path() == "/" && uri.query().is_none() && uri.authority().is_some();
        let host = uri.host().map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty());
        let (Some(host), Some(port), true) = (host, uri.port_u16(), bare) else { return Err(ProxyUrlError) };
        if host.len() > MAX_PART || port == 0 {
            return Err(ProxyUrlError);
        }
        let authorization = login.map(basic).transpose()?;
        Ok(Self { host: host.to_owned(), port, authorization })
    }

    /// Opens a tunnel through the proxy to `authority`, which consists of a host and a port.
    pub async fn tunnel(&self, resolver: &Resolver, authority: &str) -> Result<TcpStream, HttpError> {
        let dialled = resolver.dial(&self.host, self.port).await;
        let tcp = dialled.map_err(|error| match error {
            HttpError::Unreachable(at, error) => ProxyError::Unreachable(at, error).into(),
            other => other,
        })?;
        let tunnel = timeout(ANSWER_TIMEOUT, self.connect(tcp, authority));
        Ok(tunnel.await.map_err(|_| ProxyError::Timeout)??)
    }

    async fn connect(&self, tcp: TcpStream, authority: &str) -> Result<TcpStream, ProxyError> {
        let garbled = |error: hyper::Error| ProxyError::Answer(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(garbled)?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "the connection to the proxy ended");
            }
        });
        let request = self.request(authority).map_err(|error| ProxyError::Answer(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(garbled)?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(ProxyError::Unauthorised),
            status => return Err(ProxyError::Refused(status)),
        }
        let parts = hyper::upgrade::on(answer).await.map_err(garbled)?.downcast::<TokioIo<TcpStream>>();
        match parts {
            // In TLS and in HTTP, the client sends the first data. Data that arrives before the agent has sent any data
            // is therefore an error.
            Ok(parts) if parts.read_buf.is_empty() => Ok(parts.io.into_inner()),
            _ => Err(ProxyError::Answer("the proxy sent data before the agent sent any data".into())),
        }
    }

    fn request(&self, authority: &str) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
        let target = Uri::builder().authority(authority).build()?;
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(target)
            .header(HOST, authority)
            .body(Empty::new())?;
        if let Some(authorization) = &self.authorization {
            let mut value = HeaderValue::try_from(authorization.expose())?;
            value.set_sensitive(true);
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        Ok(request)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.authorization.is_some() { "…@" } else { "" };
        write!(f, "Proxy({login}{self})")
    }
}

/// Returns the value of the HTTP header `Proxy-Authorization` for a percent-encoded `USER:PASSWORD` (RFC 3986 §2.1).
fn basic(login: &str) -> Result<Secret, ProxyUrlError> {
    let (user, password) = login.split_once(':').ok_or(ProxyUrlError)?;
    let (user, password) = (decoded(user)?, decoded(password)?);
    // A user name for Basic authentication cannot contain a colon (RFC 7617 §2).
    if user.is_empty() || user.contains(&b':') || user.len() > MAX_PART || password.len() > MAX_PART {
        return Err(ProxyUrlError);
    }
    let pair = [user, vec![b':'], password].concat();
    Ok(Secret::new(format!("Basic {}", Base64::encode_string(&pair))))
}

fn decoded(text: &str) -> Result<Vec<u8>, ProxyUrlError> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next().unwrap_or_default()).to_digit(16);
                let (high, low) = (digit().ok_or(ProxyUrlError)?, digit().ok_or(ProxyUrlError)?);
                u8::try_from(high * 16 + low).map_err(|_| ProxyUrlError)?
            }
            b'@' | b':' | b'/' | b'?' | b'#' | 0..=b' ' | 127 => return Err(ProxyUrlError),
            byte => byte,
        };
        out.push(byte);
    }
    // A user name or a password for Basic authentication must not contain control characters (RFC 7617 §2).
    if out.iter().any(u8::is_ascii_control) { Err(ProxyUrlError) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_perhaps_a_login() {
        let proxy = Proxy::parse("http://proxy.example:3128/").unwrap();
        assert_eq!((proxy.to_string().as_str(), proxy.authorization.is_none()), ("proxy.example:3128", true));
        let proxy = Proxy::parse("http://[2001:db8::1]:8080").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("2001:db8::1", 8080));
        // The first login is the example of RFC 7617 §2, and the second login has a password with a character outside
        // ASCII.
        let login = |url| Proxy::parse(url).unwrap().authorization.unwrap().expose().to_owned();
        assert_eq!(login("http://Aladdin:open%20sesame@p:1"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(login("http://test:123%C2%A3@p:1"), "Basic dGVzdDoxMjPCow==");
        for url in [
            "",
            "proxy:3128",
            "https://proxy:3128",
            "socks5://proxy:1080",
            "http://proxy",
            "http://proxy:0",
            "http://proxy:99999",
            "http://proxy:3128/path",
            "http://proxy:3128?x",
            "http://:3128",
            "http://user@proxy:3128",
            "http://us:er:pass@proxy:3128",
            "http://:pass@proxy:3128",
            "http://user:pa%ss@proxy:3128",
            "http://user:pa%0ass@proxy:3128",
            "http://user:pa/ss@proxy:3128",
        ] {
            assert_eq!(Proxy::parse(url), Err(ProxyUrlError), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxy = Proxy::parse("http://user:hush@proxy.example:3128").unwrap();
        for shown in [format!("{proxy:?}"), proxy.to_string()] {
            assert!(shown.contains("proxy.example") && !shown.contains("hush") && !shown.contains("user"));
        }
        assert!(!ProxyUrlError.to_string().contains("hush"));
    }
}
