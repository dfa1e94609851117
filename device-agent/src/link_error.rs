//! What can keep the link to the edge from being there.

use hyper::StatusCode;
use pinlatch_protocol::problem::Code;
use pinlatch_token::Refusal;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::credentials::CredentialsError;
use crate::handshake::excerpt;
use crate::http::{EndpointError, HttpError};

/// Why there is no connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The stored credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The stored address is refused.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The edge cannot be reached.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The edge would not have this device.
    #[error("the edge answered {status} ({code})")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The problem's code.
        code: String,
        /// Seconds after which to try again.
        retry_after: Option<u64>,
    },
    /// Something between us and the edge does not reach it.
    #[error("a gateway answered {0}: it does not reach the edge")]
    Gateway(StatusCode),
    /// Something answers that is no edge, such as the login page of a network.
    #[error("what answers is no Pinlatch edge (it said {0})")]
    NotTheEdge(StatusCode),
    /// The answer is not the upgrade that was asked for.
    #[error("{0}")]
    Handshake(&'static str),
    /// What the edge signed does not hold.
    #[error("what the edge signed does not hold: {0}")]
    Untrusted(#[source] Refusal),
    /// The edge's key set is older than one seen before.
    #[error("the edge's key set has the number {found}, and {known} was seen before")]
    OldKeySet {
        /// Its number.
        found: u64,
        /// The newest number seen.
        known: u64,
    },
    /// Edge time lies outside the validity of the edge's certificate.
    #[error("the edge's certificate is not valid at edge time")]
    CertificateDate,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(Box<tungstenite::Error>),
    /// Something took too long.
    #[error("{0} took too long")]
    Timeout(&'static str),
    /// The edge said something out of turn.
    #[error("{0}")]
    Protocol(&'static str),
    /// The edge closed the connection.
    #[error("the edge closed the connection ({code} {reason:?})")]
    Closed {
        /// The close code.
        code: u16,
        /// The edge's words.
        reason: String,
    },
}

impl From<tungstenite::Error> for LinkError {
    fn from(error: tungstenite::Error) -> Self {
        Self::Socket(Box::new(error))
    }
}

/// The close code by which the edge says that a newer connection of this device took over.
pub const CLOSE_REPLACED: u16 = 4409;

/// The problem code by which the edge says that another agent is connected as this device.
const DEVICE_CONNECTED: &str = Code::DeviceConnected.as_str();

/// The problem codes by which the edge says that it does not accept this device, or not now.
const LASTING: [&str; 4] = ["invalid_token", "insufficient_scope", "unknown_device", DEVICE_CONNECTED];

const TWINS: &str = "another agent runs with this device's credentials and has the link; this one takes over once that \
                     one is gone, or when it is started again";

impl LinkError {
    /// That the edge has closed the connection; 1005 where it gave no code (RFC 6455 §7.1.5).
    pub fn closed(frame: Option<CloseFrame>) -> Self {
        let (code, reason) =
            frame.map_or((1005, String::new()), |frame| (frame.code.into(), excerpt(&frame.reason)));
        Self::Closed { code, reason }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials(error) => error.code(),
            Self::Endpoint(_) => "endpoint",
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
            Self::Closed { code: CLOSE_REPLACED, .. } => "replaced",
            Self::Closed { .. } => "closed",
        }
    }

    /// Whether trying again soon would be no use, or a quarrel with a newer connection of this device.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Credentials(_) | Self::Endpoint(_) => true,
            // By the problem's code: a captive portal or a firewall answers 403 too, and passes.
            Self::Refused { code, .. } => LASTING.contains(&code.as_str()),
            Self::Closed { code, .. } => *code == CLOSE_REPLACED,
            _ => false,
        }
    }

    /// Whether the edge has said nothing: it is away, or the way to it is. Then an attempt costs it next to nothing
    /// until it is back.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Http(error) => error.is_silence(),
            Self::Socket(error) => !matches!(**error, tungstenite::Error::Capacity(_)),
            Self::Timeout(_) | Self::Gateway(_) => true,
            _ => false,
        }
    }

    /// Whether the certificate that the edge showed, or that of its authority, was the trouble.
    pub fn is_about_tls(&self) -> bool {
        matches!(self, Self::Http(HttpError::Tls(..)) | Self::CertificateDate)
    }

    /// What the owner can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Http(error) => error.advice(),
            Self::Refused { code, .. } if code == DEVICE_CONNECTED => Some(TWINS),
            Self::Closed { code: CLOSE_REPLACED, .. } => Some(TWINS),
            Self::Refused { .. } if self.is_lasting() => {
                Some("the edge does not accept this device: enrol it again")
            }
            Self::NotTheEdge(_) => {
                Some("log in to the network if it wants that, or look whether the edge's address is right")
            }
            _ => None,
        }
    }
}
