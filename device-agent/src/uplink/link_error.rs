//! Defines the reasons why a connection to the edge was lost or could not be established.

use hyper::StatusCode;
use pinlatch_protocol::close;
use pinlatch_protocol::problem::Code;
use pinlatch_token::Refusal;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::credentials::CredentialsError;
use crate::uplink::connect_error::HttpError;
use crate::uplink::http::EndpointError;
use crate::uplink::tls::TlsError;

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The edge answered the connection attempt with an error.
    #[error("the edge refused the connection with {status} ({code})")]
    Refused {
        status: StatusCode,
        /// The error code in the edge's problem document (RFC 9457).
        code: String,
        /// The number of seconds that the agent must wait before the next connection attempt.
        retry_after: Option<u64>,
    },
    /// A gateway in front of the edge cannot reach the edge.
    #[error("a gateway in front of the edge cannot reach the edge (status {0})")]
    Gateway(StatusCode),
    /// The server that responded is not a Pinlatch edge. For example, the response can come from the login page of a
    /// network.
    #[error("the server at the edge's URL is not a Pinlatch edge (it answered with status {0})")]
    NotTheEdge(StatusCode),
    /// The edge's answer is not a valid WebSocket upgrade.
    #[error("{0}")]
    Handshake(&'static str),
    #[error("a signed message of the edge was rejected: {0}")]
    Untrusted(#[source] Refusal),
    /// The edge's key set is older than a key set that this device has already received.
    #[error(
        "the edge sent key set {found}, but this device has already received the newer key set {known}: check whether the edge has old secrets"
    )]
    OldKeySet {
        /// The number of the received key set.
        found: u64,
        /// The highest key set number that this device has received.
        known: u64,
    },
    /// The time of the edge's clock is outside the validity period of the edge's TLS certificate.
    #[error(
        "the edge's TLS certificate has expired or is not valid yet, according to the edge's clock: check the dates of the certificate and the edge's clock"
    )]
    CertificateDate,
    #[error("the connection to the edge failed: {0}")]
    Socket(Box<tungstenite::Error>),
    #[error("{0} took too long")]
    Timeout(&'static str),
    /// A frame on the connection violates the protocol between the agent and the edge.
    #[error("{0}")]
    Protocol(&'static str),
    #[error("the edge closed the connection (code {code}, reason {reason:?})")]
    Closed {
        code: u16,
        /// The edge's reason for closing the connection, shortened to 64 characters.
        reason: String,
    },
}

impl From<tungstenite::Error> for LinkError {
    fn from(error: tungstenite::Error) -> Self {
        Self::Socket(Box::new(error))
    }
}

/// The problem code with which the edge refuses a connection because another agent is connected as this device.
const DEVICE_CONNECTED: &str = Code::DeviceConnected.as_str();

/// The problem codes after which an early retry is useless, because the edge does not accept this device at present.
const LASTING: [&str; 4] = ["invalid_token", "insufficient_scope", "unknown_device", DEVICE_CONNECTED];

const TWINS: &str = "another agent runs with this device's credentials and is connected: stop one of the two agents, or enrol one \
                     of them as another device; this agent connects again when the other agent has stopped, or when this agent is restarted";

impl LinkError {
    /// Returns the error for a connection that the edge has closed. The code is 1005 if the edge's close frame
    /// contained no code (RFC 6455 §7.1.5).
    pub fn closed(frame: Option<CloseFrame>) -> Self {
        let (code, reason) =
            frame.map_or((1005, String::new()), |frame| (frame.code.into(), excerpt(&frame.reason)));
        Self::Closed { code, reason }
    }

    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials(error) => error.code(),
            Self::Endpoint(_) => "endpoint",
            Self::Tls(TlsError::CaFile { .. }) => "ca_file",
            Self::Tls(_) => "tls_setup",
            Self::Http(error) => error.code(),
            Self::Refused { code, .. } if code == DEVICE_CONNECTED => DEVICE_CONNECTED,
            Self::Refused { .. } => "refused",
            Self::Gateway(_) => "gateway",
            Self::NotTheEdge(_) => "not_the_edge",
            Self::Handshake(_) => "handshake",
            Self::Untrusted(_) => "untrusted",
            Self::OldKeySet { .. } => "old_key_set",
            Self::CertificateDate => "certificate_date",
            Self::Socket(_) => "socket",
            Self::Timeout(_) => "timeout",
            Self::Protocol(_) => "protocol",
            Self::Closed { code: close::REPLACED, .. } => "replaced",
            Self::Closed { .. } => "closed",
        }
    }

    /// Returns whether an early retry is useless or would compete with a newer connection of the same device.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Credentials(_) | Self::Endpoint(_) | Self::Tls(_) => true,
            // The problem code is checked, because the status code alone is ambiguous. A captive portal or a firewall
            // can also answer with status 403 for a short time.
            Self::Refused { code, .. } => LASTING.contains(&code.as_str()),
            Self::Closed { code, .. } => *code == close::REPLACED,
            _ => false,
        }
    }

    /// Returns whether the edge did not respond because the edge or the network is down. If the edge did not respond, a
    /// new connection attempt causes almost no work for the edge.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Http(error) => error.is_silence(),
            Self::Socket(error) => !matches!(**error, tungstenite::Error::Capacity(_)),
            Self::Timeout(_) | Self::Gateway(_) => true,
            _ => false,
        }
    }

    /// Returns whether the TLS handshake failed or the date of the edge's certificate is invalid.
    pub fn is_about_tls(&self) -> bool {
        matches!(self, Self::Http(HttpError::Tls(..)) | Self::CertificateDate)
    }

    /// Returns advice about the next step for the owner of the device.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Tls(TlsError::CaFile { .. }) => {
                Some("correct or replace the file in `ca_file`; the agent then connects by itself")
            }
            Self::Http(error) => error.advice(),
            Self::Refused { code, .. } if code == DEVICE_CONNECTED => Some(TWINS),
            Self::Closed { code: close::REPLACED, .. } => Some(TWINS),
            Self::Refused { .. } if self.is_lasting() => Some(
                "the edge does not accept this device: re-enrol the device with `sudo pinlatch-agent enrol`",
            ),
            Self::NotTheEdge(_) => {
                Some("log in to the network if the network has a login page, or check the edge's URL")
            }
            _ => None,
        }
    }
}

/// Removes all characters except printable ASCII characters from a received text. The function also shortens the text
/// to 64 characters, so that the text fits into a log message.
pub fn excerpt(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect()
}
