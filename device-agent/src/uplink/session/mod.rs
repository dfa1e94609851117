//! Exchanges frames with the edge on one connection. A session starts after the welcome message and ends when the
//! connection ends.

mod reports;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pinlatch_protocol::agent::{FromAgent, Outcome, ToAgent};
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::{MAX_FRAME, PING, PING_EVERY_MS, PONG};
use pinlatch_token::device::DeviceCert;
use pinlatch_token::{random_id, welcome as welcome_token};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use crate::calls::Calls;
use crate::clock::{EdgeClock, RESYNC_EVERY, WallClock, boot_ms};
use crate::commands::{Answer, Commands};
use crate::credentials::Credentials;
use crate::lines::Lines;
use crate::outbox::Outbox;
use crate::reporting::systemd::Service;
use crate::reporting::telemetry::Telemetry;
use crate::statements::{Run, Statements};
use crate::uplink::handshake::Link;
use crate::uplink::http::BoxStream;
use crate::uplink::known::Known;
use crate::uplink::link_error::LinkError;
use crate::uplink::renewal::Term;
use crate::uplink::welcome::Trust;

/// The timeout for sending a WebSocket frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout for the edge's answer to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum time for which a stopping agent still answers commands. The edge can send commands until it notices that
/// the agent is stopping.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of unconfirmed outcomes in a hello message, which must fit into one WebSocket frame.
const HELLO_OUTCOMES: usize = 16;

/// The parts of the agent that a session uses in addition to its connection.
#[derive(Clone, Copy)]
pub struct SessionContext<'a> {
    pub lines: &'a Lines,
    pub telemetry: &'a Telemetry,
    pub service: &'a Service,
    /// The newest credentials, which receive a renewed certificate.
    pub known: &'a Known,
    /// The numbers of the statements that the device has signed.
    pub run: &'a Rc<Run>,
    /// Verifies the calls of holders. The value is `None` if the configuration names no owner.
    pub calls: Option<&'a Rc<RefCell<Calls>>>,
    /// The folder in which the credentials are stored.
    pub state_dir: &'a Path,
    /// The maximum time without a received frame after which the agent closes the connection.
    pub link_timeout: Duration,
    /// The system's clock. The hello message reports the difference between this clock and edge time to the edge.
    pub wall: WallClock,
}

impl SessionContext<'_> {
    /// Returns the interval between two pings. The interval is so short that three pings can remain unanswered before
    /// the connection times out.
    fn ping_every(&self) -> Duration {
        (self.link_timeout / 3).min(Duration::from_millis(PING_EVERY_MS))
    }

    /// Returns the time limit for the watchdog. A working session sends its next ping or ends within this time.
    fn ping_limit(&self) -> Duration {
        2 * (self.ping_every() + self.link_timeout) + SEND_TIMEOUT
    }

    fn send_timeout(&self) -> Duration {
        SEND_TIMEOUT.min(self.link_timeout)
    }
}

/// Sends the hello message, and then serves the connection until the connection ends. Returns `Ok` if the connection
/// ended because the agent is stopping.
pub async fn run(
    link: Link,
    trust: Trust,
    credentials: &Credentials,
    context: SessionContext<'_>,
    outbox: &mut Outbox<Outcome>,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), LinkError> {
    let (site, device) = (credentials.site.clone(), credentials.device.clone());
    let statements = Rc::new(Statements::new(
        credentials.key.clone(),
        site.clone(),
        device.clone(),
        Rc::clone(context.run),
    ));
    let commands = Commands::new(site, device, link.session, trust.keys.clone(), Rc::clone(&statements))
        .with_calls(context.calls.cloned());
    let term = Term::of(credentials.devcert.expose());
    context.telemetry.clock_set(trust.clock);
    context.telemetry.certificate(term);
    let mut session = Session {
        socket: link.socket,
        credentials,
        trust,
        commands,
        statements,
        context,
        outbox,
        term,
        renewing: false,
        asked: None,
        confused: false,
    };
    session.hello().await?;
    session.renew_in_time().await?;
    // A damaged disk can block, so the keys are stored beside the session.
    tokio::select! {
        ended = session.serve(stop) => ended,
        never = context.known.save_regularly(context.state_dir, context.telemetry) => match never {},
    }
}

/// A text frame that the agent has received from the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Pong,
    Message(ToAgent),
}

/// Parses a text frame from the edge. Returns `None` if the frame is invalid or has an unknown type.
pub fn parse_frame(text: &str) -> Option<Frame> {
    if text == PONG { Some(Frame::Pong) } else { serde_json::from_str(text).ok().map(Frame::Message) }
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

struct Session<'a> {
    socket: WebSocketStream<BoxStream>,
    credentials: &'a Credentials,
    trust: Trust,
    commands: Commands,
    statements: Rc<Statements>,
    context: SessionContext<'a>,
    outbox: &'a mut Outbox<Outcome>,
    /// The validity period of this device's certificate.
    term: Option<Term>,
    /// Is true if the agent has requested a new certificate and not received the certificate yet.
    renewing: bool,
    /// The nonce of the last request for edge time, and the time of this request in milliseconds since boot.
    asked: Option<(String, u64)>,
    /// Is true if the agent has already logged a frame that it did not understand on this connection.
    confused: bool,
}

impl<'a> Session<'a> {
    fn lines(&self) -> &'a Lines {
        self.context.lines
    }

    async fn hello(&mut self) -> Result<(), LinkError> {
        self.lines().link_up();
        self.outbox.reconnected();
        let outcomes: Vec<Outcome> = std::iter::from_fn(|| self.outbox.take_unsent()).collect();
        let in_hello = outcomes.iter().take(HELLO_OUTCOMES).map(Outcome::without_receipt).collect();
        self.describe(in_hello).await?;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            if index >= HELLO_OUTCOMES || outcome.receipt.is_some() {
                self.send(&FromAgent::Result(outcome)).await?;
            }
        }
        // A ping is sent immediately after the hello message, so that the edge's pong confirms the hello message early.
        self.ping().await
    }

    async fn serve(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), LinkError> {
        let every = |period: Duration| {
            let mut ticks = interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let lines = self.lines();
        let mut pings = every(self.context.ping_every());
        let mut resyncs = every(RESYNC_EVERY);
        let silence = self.context.link_timeout;
        let mut last_frame_at = Instant::now();
        loop {
            tokio::select! {
                // The branches are polled in the order of the source code. The branch for stopping is the first branch,
                // so that the agent executes no further frame once it is stopping.
                biased;
                _ = stop.wait_for(|stop| *stop) => return self.close().await,
                frame = self.socket.next() => {
                    last_frame_at = Instant::now();
                    self.take(frame).await?;
                }
                ran = lines.next_run() => self.report_run(ran).await?,
                event = lines.next_event() => self.report(event).await?,
                // After a reload the agent sends a new hello message, which the protocol allows at any time.
                () = lines.reconfigured() => self.describe(Vec::new()).await?,
                _ = pings.tick() => self.ping().await?,
                () = self.context.telemetry.warnings_changed() => self.describe(Vec::new()).await?,
                _ = resyncs.tick() => {
                    self.ask_time().await?;
                    self.renew_in_time().await?;
                }
                () = sleep_until(last_frame_at + silence) => return Err(LinkError::Timeout("waiting for a frame from the edge")),
            }
        }
    }

    async fn take(&mut self, frame: Option<Result<Message, SocketError>>) -> Result<(), LinkError> {
        match frame.ok_or(SocketError::ConnectionClosed)? {
            Ok(Message::Text(text)) => return self.take_text(&text).await,
            Ok(Message::Binary(_)) => self.not_understood(),
            Ok(Message::Close(frame)) => return Err(LinkError::closed(frame)),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(error @ SocketError::Capacity(_)) => {
                let frame = CloseFrame { code: CloseCode::Size, reason: "frame too long".into() };
                // The connection ends even if the close frame cannot be sent, because the close frame only states the
                // reason.
                let _ = timeout(CLOSE_TIMEOUT, self.socket.close(Some(frame))).await;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn take_text(&mut self, text: &str) -> Result<(), LinkError> {
        self.context.telemetry.count(|counters| counters.bytes_received += bytes(text));
        match parse_frame(text) {
            Some(Frame::Pong) => self.ponged(),
            Some(Frame::Message(message)) => self.obey(message).await?,
            None => self.not_understood(),
        }
        Ok(())
    }

    /// Ignores a frame that this version of the agent does not understand, and logs only the first unknown frame of a
    /// connection. A newer edge can send messages that this version of the agent does not know. An unknown message must
    /// not close the connection.
    fn not_understood(&mut self) {
        if !std::mem::replace(&mut self.confused, true) {
            tracing::warn!(
                "the edge sent a frame that this version of the agent does not understand; the agent ignores the frame"
            );
        }
    }

    async fn obey(&mut self, message: ToAgent) -> Result<(), LinkError> {
        match message {
            ToAgent::Command { jwt, call } => {
                let answer =
                    self.commands.handle(&jwt, call.as_ref(), self.lines(), &self.trust.clock, boot_ms);
                if let Some(Answer { outcome, again }) = answer {
                    if again {
                        self.context.telemetry.replayed();
                    } else {
                        self.context.telemetry.command(&outcome);
                        self.outbox.push(outcome.repeated());
                        // The outcome itself is sent below.
                        let _ = self.outbox.take_unsent();
                    }
                    self.send(&FromAgent::Result(outcome)).await?;
                    // After many commands, the edge confirms their outcomes before the next regular ping.
                    if self.outbox.is_ping_due() {
                        self.ping().await?;
                    }
                }
            }
            ToAgent::Read { question, line, nonce } => {
                self.answer(question, &line, nonce.as_deref()).await?;
            }
            ToAgent::Challenge { question } => {
                let calls = self.context.calls.as_ref().map(|calls| calls.borrow());
                let challenge = calls.as_ref().map(|calls| calls.challenge(boot_ms()));
                let boot = calls.map(|calls| calls.boot().to_owned());
                self.send(&FromAgent::Challenge { question, challenge, boot }).await?;
            }
            ToAgent::Certificate { jwt } => self.take_certificate(jwt).await,
            ToAgent::Time { jwt } => self.resync(&jwt),
            // Only the first frame of a connection is allowed to be a welcome message, because the trusted keys do not
            // change during a connection.
            ToAgent::Welcome { .. } => self.not_understood(),
        }
        Ok(())
    }

    fn resync(&mut self, jwt: &str) {
        let Some((nonce, sent_ms)) = self.asked.take() else { return };
        match welcome_token::verify(jwt, &self.trust.keys, &nonce, &self.credentials.site) {
            Ok(time) => {
                let now = boot_ms();
                self.trust.clock.resync(EdgeClock::new(time.now_ms, sent_ms, now), now);
                self.context.telemetry.clock_set(self.trust.clock);
                tracing::debug!(
                    uncertainty_ms = self.trust.clock.uncertainty_ms(now),
                    "edge time was updated"
                );
            }
            Err(refusal) => {
                tracing::warn!(code = refusal.code(), %refusal, "the agent rejected a time message of the edge, and keeps the previous edge time")
            }
        }
    }

    async fn ask_time(&mut self) -> Result<(), LinkError> {
        let nonce = random_id();
        self.asked = Some((nonce.clone(), boot_ms()));
        self.send(&FromAgent::Time { nonce }).await
    }

    /// Requests a new device certificate if the current certificate is due for renewal.
    async fn renew_in_time(&mut self) -> Result<(), LinkError> {
        let now_s = self.trust.clock.estimate_ms(boot_ms()) / 1_000;
        if self.term.is_none_or(|term| !term.is_due(now_s)) {
            return Ok(());
        }
        self.renewing = true;
        self.send(&FromAgent::Renew { jwk: self.credentials.key.public_jwk() }).await
    }

    /// Stores a new certificate if the certificate is valid for this device and for this device's key. After any error
    /// the current certificate stays in use.
    async fn take_certificate(&mut self, jwt: String) {
        if !std::mem::take(&mut self.renewing) {
            return self.not_understood();
        }
        let Credentials { site, device, key, .. } = self.credentials;
        // The upper bound of edge time cannot be earlier than the issue time of the certificate. A new certificate is
        // therefore never rejected because it is not valid yet.
        let now_s = self.trust.clock.latest_ms(boot_ms()) / 1_000;
        let term = match DeviceCert::verify(&jwt, &self.trust.keys, std::slice::from_ref(site), now_s) {
            Ok(cert) if cert.device == *device && cert.key.thumbprint() == key.kid() => Term::of(&jwt),
            Ok(_) => {
                tracing::warn!(
                    code = "other_device",
                    "the new certificate is for another device or key; the current certificate stays in use"
                );
                return;
            }
            Err(refusal) => {
                tracing::warn!(code = refusal.code(), %refusal, "the new certificate is invalid; the current certificate stays in use");
                return;
            }
        };
        let SessionContext { known, state_dir, telemetry, .. } = self.context;
        let renewed = Credentials { devcert: Secret::new(jwt), ..self.credentials.clone() };
        known.keep(renewed, state_dir, telemetry).await;
        self.term = term;
        telemetry.certificate(term);
        let days = term.map_or(0, |term| term.days_left(now_s));
        tracing::info!(days, "the device's certificate was renewed");
    }

    fn ponged(&mut self) {
        self.outbox.ponged();
        self.lines().ponged();
    }

    async fn ping(&mut self) -> Result<(), LinkError> {
        self.outbox.pinged();
        self.lines().pinged();
        self.context.service.uplink_within(self.context.ping_limit());
        self.send_text(PING.into()).await
    }

    async fn send(&mut self, message: &FromAgent) -> Result<(), LinkError> {
        let text = serde_json::to_string(message)
            .map_err(|_| LinkError::Protocol("the agent cannot serialise a frame"))?;
        if text.len() > MAX_FRAME {
            return Err(LinkError::Protocol("a frame from the agent exceeds the maximum length"));
        }
        self.send_text(text).await
    }

    async fn send_text(&mut self, text: String) -> Result<(), LinkError> {
        self.context.telemetry.count(|counters| counters.bytes_sent += bytes(&text));
        let sent = timeout(self.context.send_timeout(), self.socket.send(Message::text(text)));
        Ok(sent.await.map_err(|_| LinkError::Timeout("sending a frame"))??)
    }

    /// Sends the events that stopping has caused, answers the commands that are still in transit, and then closes the
    /// connection.
    async fn close(&mut self) -> Result<(), LinkError> {
        while let Some(ran) = self.lines().unsent_run() {
            self.report_run(ran).await?;
        }
        while let Some(event) = self.lines().pending_event() {
            self.report(event).await?;
        }
        if let Ok(drained) = timeout(DRAIN_TIMEOUT, self.drain()).await {
            drained?;
        }
        let frame = CloseFrame { code: CloseCode::Away, reason: "stopping".into() };
        let socket = &mut self.socket;
        let goodbye = async move {
            socket.close(Some(frame)).await?;
            while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
            Ok::<_, SocketError>(())
        };
        match timeout(CLOSE_TIMEOUT, goodbye).await {
            Ok(closed) => Ok(closed?),
            Err(_) => Ok(()),
        }
    }

    /// Refuses the commands that the edge sent before it noticed that the agent is stopping. The agent does not run
    /// these commands, but sends an answer to each command. The function sends a ping and returns when the pong
    /// arrives, because the pong arrives after all earlier commands.
    async fn drain(&mut self) -> Result<(), LinkError> {
        self.ping().await?;
        while !self.outbox.is_confirmed() {
            match self.socket.next().await.ok_or(SocketError::ConnectionClosed)?? {
                Message::Text(text) => match parse_frame(&text) {
                    Some(Frame::Pong) => self.ponged(),
                    Some(Frame::Message(ToAgent::Command { jwt, .. })) => {
                        if let Some(outcome) = self.commands.stopping(&jwt) {
                            self.context.telemetry.command(&outcome);
                            self.send(&FromAgent::Result(outcome)).await?;
                        }
                    }
                    _ => {}
                },
                Message::Close(frame) => return Err(LinkError::closed(frame)),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
