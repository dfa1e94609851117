//! Keeps a connection to the edge for as long as the agent runs.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::backoff::{Backoff, random};
use crate::clock::WallClock;
use crate::config::Config;
use crate::credentials::Credentials;
use crate::dial::Resolver;
use crate::handshake;
use crate::http::{Connector, Endpoint};
use crate::lines::Lines;
use crate::link_error::{CLOSE_REPLACED, LinkError};
use crate::outbox::Outbox;
use crate::proxy::Proxy;
use crate::session;
use crate::systemd::{ATTEMPT_LIMIT, Service};
use crate::telemetry::{Identity, Telemetry};
use crate::tls::{Tls, TlsError};
use crate::welcome;

/// How often at most the same failure is logged again. An outage of a night is no reason to wear out an SD card.
const LOG_AGAIN: Duration = Duration::from_secs(600);

/// What the configuration says of the uplink. A change counts from the next connection on.
pub struct Settings {
    /// Where the credentials are. They are read anew for each attempt, so that enrolling again helps.
    state_dir: PathBuf,
    /// Whether `ws://` may be spoken beyond loopback.
    allow_plaintext: bool,
    /// The proxy in between.
    proxy: Option<Proxy>,
    /// After how long a silence the link counts as dead.
    link_timeout: Duration,
    /// What TLS is made with.
    tls: Tls,
    /// The system's clock.
    wall: WallClock,
}

impl Settings {
    /// As a configuration says.
    pub fn of(config: &Config, clock: WallClock) -> Result<Self, TlsError> {
        Ok(Self {
            state_dir: config.state_dir.clone(),
            allow_plaintext: config.allow_plaintext,
            proxy: config.proxy.clone(),
            link_timeout: config.link_timeout,
            tls: Tls::new(config.ca_file.as_deref(), clock)?,
            wall: clock,
        })
    }

    /// Where the credentials are.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }
}

/// What the uplink needs.
pub struct Uplink {
    /// What the configuration says, newest first.
    pub settings: watch::Receiver<Rc<Settings>>,
    /// The lines.
    pub lines: Lines,
    /// What is told of the link.
    pub telemetry: Telemetry,
    /// Who is told how it goes.
    pub service: Service,
}

/// What is carried from one attempt to the next.
#[derive(Default)]
struct RetryState {
    backoff: Backoff,
    outbox: Outbox,
    resolver: Resolver,
    /// Whether a newer connection of this device has replaced ours. Until one succeeds again, attempts yield.
    replaced: bool,
    /// The code that was logged last, when, and how many attempts have failed like that since.
    logged: Option<(&'static str, Instant, u32)>,
}

impl Uplink {
    /// Connects again and again, until told to stop.
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
            if matches!(error, LinkError::Closed { code: CLOSE_REPLACED, .. }) {
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
                // Whoever changes something wants to see whether it helps.
                Ok(()) = changes.changed() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Tells of a failure; in the log, one that goes on is told once and then now and then.
    fn report(&self, state: &mut RetryState, error: &LinkError, pause: Duration) {
        let (code, now) = (error.code(), Instant::now());
        let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        match &mut state.logged {
            Some((logged, at, attempts)) if *logged == code && now < *at + LOG_AGAIN => {
                *attempts = attempts.saturating_add(1);
                tracing::debug!(code, retry_ms, %error, "no link to the edge");
            }
            logged => {
                let before = logged.replace((code, now, 0)).filter(|(before, ..)| *before == code);
                let attempts = before.map_or(1, |(.., attempts)| attempts.saturating_add(1));
                tracing::warn!(code, retry_ms, attempts, %error, "no link to the edge");
                if let Some(advice) = error.advice() {
                    tracing::warn!(code, "{advice}");
                }
            }
        }
        self.telemetry.lost(code, &error.to_string(), now + pause);
        self.service.status(&format!("no link to the edge: {error}"));
    }

    /// One connection from beginning to end; `Ok` where the agent is stopping.
    async fn attempt(
        &self,
        settings: &Settings,
        state: &mut RetryState,
        connected_at: &mut Option<Instant>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), LinkError> {
        let credentials = Credentials::load(&settings.state_dir)?;
        self.telemetry.connecting(Identity {
            edge: credentials.edge.clone(),
            site: credentials.site.clone(),
            device: credentials.device.clone(),
        });
        let endpoint = Endpoint::parse(&credentials.edge, settings.allow_plaintext)?;
        let tls = settings.tls.connector();
        let RetryState { resolver, replaced, outbox, .. } = state;
        let connector =
            Connector { endpoint: &endpoint, proxy: settings.proxy.as_ref(), tls: &tls, resolver };
        let connecting = async {
            let mut link = handshake::connect(&credentials, &connector, *replaced).await?;
            let trust = welcome::wait(&mut link, &credentials, &settings.state_dir).await?;
            Ok::<_, LinkError>((link, trust))
        };
        let (link, trust) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            connected = connecting => connected?,
        };
        tracing::info!(edge = %endpoint.url(), site = %credentials.site, device = %credentials.device, "connected");
        *connected_at = Some(Instant::now());
        *replaced = false;
        state.logged = None;
        self.telemetry.connected();
        self.service.status(&format!("connected to {}", endpoint.url()));
        let context = session::SessionContext {
            lines: &self.lines,
            telemetry: &self.telemetry,
            service: &self.service,
            state_dir: &settings.state_dir,
            link_timeout: settings.link_timeout,
            wall: settings.wall,
        };
        session::run(link, trust, &credentials, context, outbox, stop).await
    }
}
