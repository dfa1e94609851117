//! Keeps a connection to the edge for as long as the agent runs.

use std::path::PathBuf;
use std::time::Duration;

use hyper::StatusCode;
use pinlatch_token::Refusal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite;

use crate::credentials::{Credentials, CredentialsError};
use crate::handshake;
use crate::http::{Endpoint, EndpointError, HttpError};
use crate::lines::Lines;
use crate::outbox::Outbox;
use crate::session;
use crate::systemd::{ATTEMPT_LIMIT, Service};
use crate::telemetry::{Identity, Telemetry};

/// The first pause is random up to this; each further one up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// After how many doublings the pause stops growing: at 32 s.
const MAX_DOUBLINGS: u32 = 6;
/// A connection that held this long was a good one: the next pause is a short one again.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// Where trying again soon cannot help, the pause is random between this and twice this.
const LONG_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that an edge's `Retry-After` can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

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

/// The problem codes by which the edge says that it does not accept this device.
const LASTING: [&str; 3] = ["invalid_token", "insufficient_scope", "unknown_device"];

impl LinkError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials(error) => error.code(),
            Self::Endpoint(_) => "endpoint",
            Self::Http(_) => "unreachable",
            Self::Refused { .. } => "refused",
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
    fn is_lasting(&self) -> bool {
        match self {
            Self::Credentials(_) | Self::Endpoint(_) => true,
            // By the problem's code: a captive portal or a firewall answers 403 too, and passes.
            Self::Refused { code, .. } => LASTING.contains(&code.as_str()),
            Self::Closed { code, .. } => *code == CLOSE_REPLACED,
            _ => false,
        }
    }

    /// What the owner can do about it.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Refused { .. } if self.is_lasting() => {
                Some("the edge does not accept this device: enrol it again")
            }
            Self::Closed { code: CLOSE_REPLACED, .. } => {
                Some("another agent runs with this device's credentials")
            }
            _ => None,
        }
    }
}

/// The pauses between attempts.
#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after an attempt. `random` is uniform from 0 to 1: full jitter, so that a fleet does not
    /// come back all at once.
    fn pause(&mut self, error: &LinkError, up: Duration, random: f64) -> Duration {
        if up >= GOOD_AFTER {
            self.failures = 0;
        }
        let ceiling = FIRST_PAUSE * 2u32.pow(self.failures.min(MAX_DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        if error.is_lasting() {
            return LONG_PAUSE.mul_f64(1.0 + random);
        }
        let asked = match error {
            LinkError::Refused { retry_after: Some(seconds), .. } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        };
        asked.min(MAX_RETRY_AFTER) + ceiling.mul_f64(random)
    }
}

/// What the uplink needs.
pub struct Uplink {
    /// Where the credentials are. They are read anew for each attempt, so that enrolling again helps.
    pub state_dir: PathBuf,
    /// Whether `ws://` may be spoken beyond loopback.
    pub allow_plaintext: bool,
    /// What TLS is made with.
    pub tls: TlsConnector,
    /// The lines.
    pub lines: Lines,
    /// What is told of the link.
    pub telemetry: Telemetry,
    /// Who is told how it goes.
    pub service: Service,
}

impl Uplink {
    /// Connects again and again, until told to stop.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::default();
        let mut outbox = Outbox::default();
        while !*stop.borrow() {
            let mut connected_at = None;
            self.service.uplink_within(ATTEMPT_LIMIT);
            let Err(error) = self.attempt(&mut outbox, &mut connected_at, &mut stop).await else { return };
            let up = connected_at.map_or(Duration::ZERO, |at: Instant| at.elapsed());
            if connected_at.is_some() {
                self.lines.link_lost();
            }
            let pause = backoff.pause(&error, up, random());
            let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(code = error.code(), retry_ms, %error, "no link to the edge");
            self.telemetry.lost(error.code(), &error.to_string(), Instant::now() + pause);
            if let Some(advice) = error.advice() {
                tracing::warn!("{advice}");
            }
            self.service.status(&format!("no link to the edge: {error}"));
            self.service.uplink_within(pause + ATTEMPT_LIMIT);
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// One connection from beginning to end; `Ok` where the agent is stopping.
    async fn attempt(
        &self,
        outbox: &mut Outbox,
        connected_at: &mut Option<Instant>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), LinkError> {
        let credentials = Credentials::load(&self.state_dir)?;
        self.telemetry.connecting(Identity {
            edge: credentials.edge.clone(),
            site: credentials.site.clone(),
            device: credentials.device.clone(),
        });
        let endpoint = Endpoint::parse(&credentials.edge, self.allow_plaintext)?;
        let connecting = async {
            let mut link = handshake::connect(&credentials, &endpoint, &self.tls).await?;
            let trust = session::welcome(&mut link, &credentials, &self.state_dir).await?;
            Ok::<_, LinkError>((link, trust))
        };
        let (link, trust) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            connected = connecting => connected?,
        };
        tracing::info!(edge = %endpoint.url(), site = %credentials.site, device = %credentials.device, "connected");
        *connected_at = Some(Instant::now());
        self.telemetry.connected();
        self.service.status(&format!("connected to {}", endpoint.url()));
        let around =
            session::Around { lines: &self.lines, telemetry: &self.telemetry, service: &self.service };
        session::run(link, trust, &credentials, around, outbox, stop).await
    }
}

/// Uniform from 0 to 1. Without randomness there is still a pause.
fn random() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: LinkError = LinkError::Timeout("it");

    #[test]
    fn pauses_double_up_to_half_a_minute_and_start_anew_after_a_good_connection() {
        let mut backoff = Backoff::default();
        let mut longest = || backoff.pause(&LOST, Duration::ZERO, 1.0).as_millis();
        let pauses: Vec<u128> = (0..9).map(|_| longest()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000]);
        assert_eq!(backoff.pause(&LOST, Duration::from_secs(9), 1.0).as_millis(), 32_000);
        assert_eq!(backoff.pause(&LOST, Duration::from_secs(10), 1.0).as_millis(), 500);
        assert_eq!(backoff.pause(&LOST, Duration::ZERO, 0.0), Duration::ZERO, "full jitter");
    }

    #[test]
    fn where_haste_is_no_use_there_is_none() {
        let refused =
            |status, code: &str, retry_after| LinkError::Refused { status, code: code.into(), retry_after };
        let pause = |error: &LinkError| Backoff::default().pause(error, Duration::ZERO, 0.0).as_secs();
        assert_eq!(pause(&refused(StatusCode::UNAUTHORIZED, "invalid_token", None)), 60);
        assert_eq!(pause(&LinkError::Closed { code: CLOSE_REPLACED, reason: String::new() }), 60);
        assert_eq!(pause(&refused(StatusCode::TOO_MANY_REQUESTS, "throttled", Some(7))), 7);
        assert_eq!(pause(&refused(StatusCode::SERVICE_UNAVAILABLE, "misconfigured", Some(1 << 40))), 300);
        assert_eq!(pause(&refused(StatusCode::FORBIDDEN, "unknown", None)), 0, "a captive portal");
    }
}
