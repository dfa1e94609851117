//! Connects to the edge and reconnects after each failure while the agent runs.

pub mod backoff;
pub mod connect_error;
pub mod dial;
pub mod handshake;
pub mod http;
pub mod known;
pub mod link_error;
pub mod proxy;
pub mod renewal;
pub mod session;
pub mod tls;
pub mod welcome;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use pinlatch_protocol::agent::Outcome;
use pinlatch_protocol::close;
use pinlatch_token::revocations::Revocations;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::calls::{Calls, Owner};
use crate::clock::WallClock;
use crate::config::{Config, OwnerConfig};
use crate::credentials::Credentials;
use crate::lines::Lines;
use crate::outbox::Outbox;
use crate::reporting::journal;
use crate::reporting::systemd::{ATTEMPT_LIMIT, Service};
use crate::reporting::telemetry::{Identity, Telemetry};
use crate::statements::Run;
use crate::uplink::backoff::{Backoff, random};
use crate::uplink::dial::Resolver;
use crate::uplink::http::{Connector, Endpoint};
use crate::uplink::known::Known;
use crate::uplink::link_error::LinkError;
use crate::uplink::proxy::Proxy;
use crate::uplink::tls::{Tls, TlsError};

/// The minimum interval between two log messages about the same failure. More frequent log messages during a long
/// outage would wear out an SD card.
const LOG_AGAIN: Duration = Duration::from_secs(600);

/// The configuration settings that concern the connection to the edge. Changed settings take effect with the next
/// connection.
pub struct Settings {
    /// The folder of the credentials. The agent reloads the credentials before every connection attempt, so that a new
    /// enrolment takes effect without a restart.
    state_dir: PathBuf,
    /// Is true if unencrypted connections (`ws://`) to other machines are allowed.
    allow_plaintext: bool,
    proxy: Option<Proxy>,
    /// The maximum time without a received frame after which the agent closes the connection.
    link_timeout: Duration,
    tls: Tls,
    wall: WallClock,
    /// The owner and the device that the configuration file names.
    owner: Option<OwnerConfig>,
}

impl Settings {
    pub fn of(config: &Config, clock: WallClock) -> Self {
        Self {
            state_dir: config.state_dir.clone(),
            allow_plaintext: config.allow_plaintext,
            proxy: config.proxy.clone(),
            link_timeout: config.link_timeout,
            tls: Tls::new(config.ca_file.as_deref(), clock),
            wall: clock,
            owner: config.owner.clone(),
        }
    }

    /// Returns an error if the root certificates in `ca_file` cannot be used.
    pub fn check_tls(&self) -> Result<(), TlsError> {
        self.tls.connector().map(drop)
    }
}

pub struct Uplink {
    /// The current settings, which a reload of the configuration replaces.
    pub settings: watch::Receiver<Rc<Settings>>,
    pub lines: Lines,
    pub telemetry: Telemetry,
    pub service: Service,
    /// The numbers of the statements that the device has signed.
    pub run: Rc<Run>,
}

/// The state that is retained between connection attempts.
#[derive(Default)]
struct RetryState {
    backoff: Backoff,
    known: Known,
    outbox: Outbox<Outcome>,
    resolver: Resolver,
    /// Verifies the calls of holders, for the owner that the configuration file names.
    calls: Option<(OwnerConfig, Rc<RefCell<Calls>>)>,
    /// Is true if a newer connection of the same device has replaced the agent's connection. While this flag is true,
    /// the agent's next connection does not replace another connection. After a successful connection, the agent sets
    /// this flag to false.
    replaced: bool,
    /// The code of the last logged failure, the time of this log message, and the number of later failures with the
    /// same code.
    logged: Option<(&'static str, Instant, u32)>,
}

impl Uplink {
    /// Connects to the edge and reconnects after each failure until `stop` is true.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut state = RetryState::default();
        let mut changes = self.settings.clone();
        while !*stop.borrow() {
            let settings = changes.borrow_and_update().clone();
            let mut connected_at = None;
            self.service.uplink_within(ATTEMPT_LIMIT);
            let attempt = self.attempt(&settings, &mut state, &mut connected_at, &mut stop);
            let Err(error) = attempt.await else { return };
            let up = connected_at.map_or(Duration::ZERO, |at: Instant| at.elapsed());
            if connected_at.is_some() {
                self.lines.link_lost();
            }
            if matches!(error, LinkError::Closed { code: close::REPLACED, .. }) {
                state.replaced = true;
            }
            if error.is_about_tls() {
                settings.tls.read_again();
            }
            let pause = state.backoff.pause(&error, up, random());
            self.report(&mut state, &error, pause);
            self.service.uplink_within(pause + ATTEMPT_LIMIT);
            tokio::select! {
                () = sleep(pause) => {}
                // A reload of the configuration ends the pause, so that the effect of the new configuration is visible
                // immediately.
                Ok(()) = changes.changed() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Records a failed connection attempt or a lost connection. If the same failure continues, the failure is logged
    /// only once per `LOG_AGAIN`.
    fn report(&self, state: &mut RetryState, error: &LinkError, pause: Duration) {
        let (code, now) = (error.code(), Instant::now());
        let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        match &mut state.logged {
            Some((logged, at, attempts)) if *logged == code && now < *at + LOG_AGAIN => {
                *attempts = attempts.saturating_add(1);
                tracing::debug!(code, retry_ms, %error, "the agent is not connected to the edge");
            }
            logged => {
                let before = logged.replace((code, now, 0)).filter(|(before, ..)| *before == code);
                let attempts = before.map_or(1, |(.., attempts)| attempts.saturating_add(1));
                tracing::warn!(code, retry_ms, attempts, %error, "the agent is not connected to the edge");
                if let Some(advice) = error.advice() {
                    tracing::warn!(code, "{advice}");
                }
            }
        }
        self.telemetry.lost(code, &error.to_string(), now + pause);
        self.service.status(&format!("not connected to the edge: {error}"));
    }

    /// Connects to the edge and serves the connection until the connection ends. Returns `Ok` if the agent is stopping.
    async fn attempt(
        &self,
        settings: &Settings,
        state: &mut RetryState,
        connected_at: &mut Option<Instant>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), LinkError> {
        let mut credentials = state.known.load(&settings.state_dir).await?;
        journal::name_device(&credentials.device);
        self.telemetry.connecting(Identity {
            edge: credentials.edge.clone(),
            site: credentials.site.clone(),
            device: credentials.device.clone(),
            key: credentials.key.kid().to_owned(),
        });
        if let Some(owner) = &settings.owner {
            owner.check(&credentials)?;
        }
        state.calls = settings.owner.as_ref().map(|owner| match state.calls.take() {
            Some((known, calls)) if known == *owner => (known, calls),
            _ => (owner.clone(), Rc::new(RefCell::new(calls_of(&credentials, self.run.boot())))),
        });
        let endpoint = Endpoint::parse(&credentials.edge, settings.allow_plaintext)?;
        let tls = settings.tls.connector()?;
        let RetryState { resolver, replaced, outbox, known, calls, .. } = state;
        let connector =
            Connector { endpoint: &endpoint, proxy: settings.proxy.as_ref(), tls: &tls, resolver };
        let connecting = async {
            let mut link = handshake::connect(&credentials, &connector, *replaced).await?;
            let trust = welcome::wait(&mut link, &mut credentials).await?;
            Ok::<_, LinkError>((link, trust))
        };
        let (link, trust) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            connected = connecting => connected?,
        };
        tracing::info!(edge = %endpoint.url(), site = %credentials.site, device = %credentials.device, "connected");
        *connected_at = Some(Instant::now());
        *replaced = false;
        known.keep(credentials.clone(), &settings.state_dir, &self.telemetry).await;
        state.logged = None;
        self.telemetry.connected();
        self.service.status(&format!("connected to {}", endpoint.url()));
        let context = session::SessionContext {
            lines: &self.lines,
            telemetry: &self.telemetry,
            service: &self.service,
            known,
            run: &self.run,
            calls: calls.as_ref().map(|(_, calls)| calls),
            state_dir: &settings.state_dir,
            link_timeout: settings.link_timeout,
            wall: settings.wall,
        };
        session::run(link, trust, &credentials, context, outbox, stop).await
    }
}

/// Returns the state for the calls of holders. The credentials belong to the owner that the configuration file names.
fn calls_of(credentials: &Credentials, boot: &str) -> Calls {
    let Credentials { root, site, device, .. } = credentials;
    let owner = Owner::new(root, site.clone(), device.clone());
    Calls::new(owner, boot.into(), Revocations::default(), 0)
}
