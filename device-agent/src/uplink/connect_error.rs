//! Defines the errors of an HTTP connection to the edge, with or without a proxy.

use std::io;

use hyper::StatusCode;

use crate::uplink::tls;

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The host name does not resolve, or no IP address accepts the connection.
    #[error("cannot reach {0}: {1}")]
    Unreachable(String, io::Error),
    #[error("the TLS handshake with {0} failed: {1}")]
    Tls(String, io::Error),
    #[error("{0} took too long")]
    Timeout(&'static str),
    #[error("the HTTP connection failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the HTTP request is invalid: {0}")]
    Request(#[from] hyper::http::Error),
    /// The body of the HTTP answer is too large or incomplete.
    #[error("the answer's body cannot be read: {0}")]
    Body(String),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

impl HttpError {
    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(..) => "unreachable",
            Self::Tls(_, error) => tls::code(error),
            Self::Timeout(_) => "timeout",
            Self::Http(_) | Self::Request(_) | Self::Body(_) => "http",
            Self::Proxy(error) => error.code(),
        }
    }

    /// Returns advice about the next step for the owner of the device.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Tls(_, error) => tls::advice(error),
            Self::Proxy(error) => error.advice(),
            _ => None,
        }
    }

    /// Returns whether the error means that the edge has not responded. If the edge has not responded, a retry causes
    /// almost no work for the edge.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable(..) | Self::Timeout(_) | Self::Body(_) => true,
            Self::Http(error) => !error.is_parse(),
            // The proxy has responded with a status which means that the proxy cannot reach the edge (RFC 9110 §15.6).
            Self::Proxy(ProxyError::Refused(status)) => is_gateway(*status),
            Self::Proxy(ProxyError::Unreachable(..) | ProxyError::Timeout) => true,
            Self::Proxy(_) | Self::Tls(..) | Self::Request(_) => false,
        }
    }
}

/// Returns whether an HTTP status means that a gateway cannot reach the server behind the gateway. HTTP defines the
/// status codes 502 and 504 for an unreachable server (RFC 9110 §15.6). Cloudflare also uses the status codes 520 to
/// 530 for an unreachable server.
pub fn is_gateway(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502 | 504 | 520..=530)
}

#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The agent cannot connect to the proxy.
    #[error("cannot reach the proxy {0}: {1}")]
    Unreachable(String, io::Error),
    #[error("the proxy's answer took too long")]
    Timeout,
    /// The proxy answered with status 407. The proxy requires a user name and a password, or rejects the configured
    /// user name and password.
    #[error(
        "the proxy answered {}: the proxy requires a user name and a password, or rejects the configured user name and password",
        StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )]
    Unauthorised,
    #[error("the proxy refused the connection to the edge ({0})")]
    Refused(StatusCode),
    /// The proxy's answer is not valid HTTP, or contains additional data.
    #[error("the proxy's answer is not valid HTTP: {0}")]
    Answer(String),
}

impl ProxyError {
    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(..) => "proxy_unreachable",
            Self::Timeout => "proxy_timeout",
            Self::Unauthorised => "proxy_auth",
            Self::Refused(_) => "proxy_refused",
            Self::Answer(_) => "proxy_protocol",
        }
    }

    /// Returns advice about the next step for the owner of the device.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Unauthorised => Some("set `proxy` to http://USER:PASSWORD@HOST:PORT"),
            Self::Refused(_) => Some("configure the proxy to allow CONNECT to the edge's host and port"),
            Self::Answer(_) => Some("set `proxy` to the URL of an HTTP proxy"),
            Self::Unreachable(..) | Self::Timeout => None,
        }
    }
}
