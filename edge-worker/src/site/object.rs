//! The Durable Object of one site.
//!
//! The Worker sends HTTP requests to the site's Durable Object. The body of `POST /call` is a
//! [`Call`] as JSON, and the response is a [`CallResult`] as JSON. The paths `/panel` and `/agent`
//! open WebSockets. For `/panel` and `/agent`, the header [`SOCKET_HEADER`] contains the data that the Worker has
//! verified. Every request contains the site's name. The Durable Object stores the site's name, because alarms and
//! WebSocket frames do not contain the name.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use pinlatch_protocol::agent::{FromAgent, ToAgent};
use pinlatch_protocol::close;
use pinlatch_protocol::command::DEFAULT_DEADLINE_MS;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{FromPanel, ToPanel};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::{MAX_FRAME, PING, PONG, SUBPROTOCOL};
use pinlatch_site::{
    Answer, Call, CallResult, FrameLimits, GRACE_MS, Memory, Principal, Renewed, Reply, Site,
};
use pinlatch_token::device::{self, CERT_LIFE};
use pinlatch_token::{PublicKey, is_nonce, random_id, welcome};
use worker::{
    Delay, DurableObject, Env, Request, Response, ResponseBuilder, Result, ScheduledTime, State, WebSocket,
    WebSocketIncomingMessage, WebSocketPair, durable_object,
};

use super::effects::{Actuator, Waiters, close_if_ended, send, shut};
use super::known_alarm::KnownAlarm;
use super::sockets::{AgentSocket, Attached, LastSeen, Sockets};
use super::store::SqlStore;
use crate::clock::{now_ms, now_s};
use crate::config::Deployment;
use crate::objects::{SITE_HEADER, SOCKET_HEADER};
use crate::respond::fault;

/// If work is due within `TIMER_MS` milliseconds, a timer starts the work. The timer keeps the Durable Object in
/// memory. For later work, the alarm wakes the Durable Object. A command with the default deadline uses the timer, with
/// a second to spare.
const TIMER_MS: u64 = DEFAULT_DEADLINE_MS + GRACE_MS + 1_000;

/// The delay of the alarm after the timer, in milliseconds. The alarm starts the work if the Durable Object was evicted
/// and has lost its timer.
const ALARM_SLACK_MS: u64 = 2_000;

/// The time until the next attempt if the site cannot be opened, in milliseconds. Work can be due, but its time is then
/// unknown.
const RETRY_MS: u64 = 60_000;

/// The Durable Object of a site, with its database, WebSockets and alarm.
#[durable_object]
pub struct SiteObject {
    inner: Rc<Inner>,
}

struct Inner {
    state: State,
    env: Env,
    store: SqlStore,
    last_seen: LastSeen,
    memory: Memory,
    waiters: Waiters,
    frame_limits: FrameLimits,
    name: RefCell<Option<Name>>,
    /// The time at which the current timer expires, in milliseconds of Unix time. The value is `None` if no timer is
    /// running.
    timer: Cell<Option<u64>>,
    /// The wake-up time that the site last requested, in milliseconds of Unix time. The value is
    /// `None` after [`Inner::tick`].
    wake: Cell<Option<u64>>,
    alarm: KnownAlarm,
}

impl DurableObject for SiteObject {
    fn new(state: State, env: Env) -> Self {
        if let Ok(pair) = worker_pair() {
            state.set_websocket_auto_response(&pair);
        }
        // The log line "site object starts" shows that the Durable Object was created again, for example after
        // hibernation. Tests, and owners who run `wrangler tail`, use the log line to check that hibernation works.
        worker::console_log!("site object starts");
        let store = SqlStore::new(&state);
        Self {
            inner: Rc::new(Inner {
                state,
                env,
                store,
                last_seen: LastSeen::default(),
                memory: Memory::default(),
                waiters: Waiters::default(),
                frame_limits: FrameLimits::default(),
                name: RefCell::new(None),
                timer: Cell::new(None),
                wake: Cell::new(None),
                alarm: KnownAlarm::default(),
            }),
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let name = request.headers().get(SITE_HEADER)?.and_then(|text| Name::new(text).ok());
        if let Some(name) = name {
            self.inner.store_name(name).await?;
        }
        match request.path().as_str() {
            "/call" => self.inner.call(request).await,
            "/panel" => self.inner.open_panel(&request).await,
            "/agent" => self.inner.open_agent(&request).await,
            #[cfg(feature = "test-hooks")]
            crate::test_hooks::OBJECT_PATH => crate::test_hooks::panic_now(),
            _ => Response::from_json(&Problem::new(Code::NotFound)),
        }
    }

    async fn websocket_message(&self, socket: WebSocket, message: WebSocketIncomingMessage) -> Result<()> {
        self.inner.handle_message(&socket, message).await
    }

    async fn websocket_close(
        &self,
        socket: WebSocket,
        code: usize,
        _reason: String,
        _clean: bool,
    ) -> Result<()> {
        // RFC 6455 §7.4.1 forbids sending the close codes 1005, 1006 and 1015.
        let code =
            u16::try_from(code).ok().filter(|code| !matches!(code, 1005 | 1006 | 1015)).unwrap_or(1000);
        shut(&socket, code, "");
        self.inner.closed(&socket).await
    }

    async fn websocket_error(&self, socket: WebSocket, error: worker::Error) -> Result<()> {
        worker::console_log!("socket: {error}");
        self.inner.closed(&socket).await
    }

    async fn alarm(&self) -> Result<Response> {
        self.inner.alarm.forget();
        self.inner.tick().await?;
        Response::empty()
    }
}

fn worker_pair() -> Result<worker::WebSocketRequestResponsePair> {
    Ok(worker::WebSocketRequestResponsePair::new(PING, PONG)?)
}

impl Inner {
    /// Stores the site's name, because alarms and frames that arrive after an eviction do not contain the name.
    async fn store_name(&self, name: Name) -> Result<()> {
        if self.name.borrow().is_none() {
            self.state.storage().put("site", name.as_str()).await?;
            self.name.replace(Some(name));
        }
        Ok(())
    }

    async fn name(&self) -> Result<Name> {
        if let Some(name) = self.name.borrow().clone() {
            return Ok(name);
        }
        let text: Option<String> = self.state.storage().get("site").await?;
        let name = text
            .and_then(|text| Name::new(text).ok())
            .ok_or("the storage of the site contains no valid site name")?;
        self.name.replace(Some(name.clone()));
        Ok(name)
    }

    fn sockets(&self) -> Sockets<'_> {
        Sockets { state: &self.state, last_seen: &self.last_seen, memory: &self.memory }
    }

    /// Runs one event. This function opens the site, calls `decide`, carries out the effects, and sets the next
    /// wake-up.
    async fn event<T>(
        self: &Rc<Self>,
        decide: impl FnOnce(&mut Site<'_>, &Deployment) -> std::result::Result<T, Problem>,
    ) -> Result<std::result::Result<T, Problem>> {
        let name = self.name().await?;
        let deployment = match Deployment::of(&self.env) {
            Ok(deployment) => deployment,
            Err(problem) => return self.retry_after(problem).await,
        };
        let config = deployment.site_config(name);
        let sockets = self.sockets();
        let opened = Site::open(&self.store, &sockets, &config, now_ms());
        let mut site = match opened {
            Ok(site) => site,
            Err(error) => return self.retry_after(fault("site", error)).await,
        };
        let outcome = decide(&mut site, &deployment);
        let actuator = Actuator {
            site: &config.site,
            deployment: &deployment,
            sockets: &sockets,
            waiters: &self.waiters,
        };
        actuator.carry_out(&mut site);
        let wake = site.next_wake(sockets.any_panel(), self.wake.get());
        match wake {
            Ok(wake) => {
                self.wake.set(wake);
                self.arm(wake).await?;
            }
            Err(error) => {
                self.wake.set(None);
                worker::console_error!("site {}: {error}", config.site);
                self.arm(Some(now_ms() + RETRY_MS)).await?;
            }
        }
        Ok(outcome)
    }

    /// Sets the alarm after an event for which the site could not be opened. Otherwise, the work that is due would wait
    /// for the next event.
    async fn retry_after<T>(self: &Rc<Self>, problem: Problem) -> Result<std::result::Result<T, Problem>> {
        self.wake.set(None);
        self.arm(Some(now_ms() + RETRY_MS)).await?;
        Ok(Err(problem))
    }

    /// Sets a timer or an alarm, so that [`Inner::tick`] runs when work is due.
    async fn arm(self: &Rc<Self>, wake: Option<u64>) -> Result<()> {
        let Some(wake) = wake else { return Ok(()) };
        let now = now_ms();
        let soon = wake.saturating_sub(now) <= TIMER_MS;
        if soon && self.timer.get().is_none_or(|at| at > wake) {
            self.timer.set(Some(wake));
            let inner = Rc::clone(self);
            wasm_bindgen_futures::spawn_local(async move {
                Delay::from(Duration::from_millis(wake.saturating_sub(now) + 1)).await;
                if inner.timer.get() == Some(wake) {
                    inner.timer.set(None);
                    if let Err(error) = inner.tick().await {
                        worker::console_error!("timer: {error}");
                    }
                }
            });
        }
        let wanted = if soon { wake + ALARM_SLACK_MS } else { wake };
        if !self.alarm.is_needed(now, wanted) {
            return Ok(());
        }
        self.alarm.set(wanted);
        let date = js_sys::Date::new(&(wanted as f64).into());
        let outcome = self.state.storage().set_alarm(ScheduledTime::new(date)).await;
        if outcome.is_err() {
            self.alarm.forget();
        }
        outcome
    }

    /// Does the work that is due, and closes the WebSocket of each panel whose token is no longer valid.
    async fn tick(self: &Rc<Self>) -> Result<()> {
        self.wake.set(None);
        let ticked = self
            .event(|site, _| {
                site.tick();
                let sockets = self.sockets();
                for (socket, _, principal) in sockets.panels() {
                    close_if_ended(site, &socket, &principal);
                }
                Ok(())
            })
            .await?;
        if let Err(problem) = ticked {
            worker::console_error!("tick: {problem}");
        }
        Ok(())
    }

    async fn call(self: &Rc<Self>, mut request: Request) -> Result<Response> {
        // The call is parsed in Rust, because a JavaScript number cannot represent every `u64`.
        let call: Call = serde_json::from_str(&request.text().await?)?;
        // A logout is never refused. It ends the caller's token, so it cannot be repeated.
        let counted = call.principal().filter(|_| !matches!(call, Call::Logout { .. })).cloned();
        if let Some(principal) = &counted
            && let Err(problem) = self.frame_limits.require_room(principal, now_ms())
        {
            return Response::from_json(&CallResult::Err(problem));
        }
        let answer = self
            .event(|site, _| {
                let answer = site.call(call);
                if let Some(principal) = counted.filter(|_| !site.has_new_command()) {
                    self.frame_limits.count(&principal, now_ms());
                }
                Ok(match answer? {
                    Answer::Now(reply) => Ok(reply),
                    Answer::Pending { ticket } => Err(self.waiters.wait(ticket)),
                })
            })
            .await?;
        let result: CallResult = match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(waiter)) => match waiter.await {
                Ok(outcome) => outcome.map(Reply::Command),
                Err(_) => Err(Code::OutcomeUnknown.into()),
            },
            Err(problem) => Err(problem),
        };
        Response::from_json(&result)
    }

    async fn open_panel(self: &Rc<Self>, request: &Request) -> Result<Response> {
        let Some(principal) = verified::<Principal>(request)? else {
            return Response::from_json(&Problem::new(Code::InvalidToken));
        };
        if let Err(problem) = self.frame_limits.require_room(&principal, now_ms()) {
            return Response::from_json(&problem);
        }
        self.frame_limits.count(&principal, now_ms());
        let pair = WebSocketPair::new()?;
        let attached = Attached::Panel { id: random_id(), principal: principal.clone() };
        let snapshot = self
            .event(|site, _| {
                // The WebSockets are counted before this one is accepted. Too many WebSockets would make the runtime's
                // call fail, and the crate `worker` panics if this call fails.
                let tags = site.panel_tags(&principal)?;
                let snapshot: ToPanel = site.panel_connected(&principal)?;
                attached.accept(&self.state, &pair.server, &tags).map_err(|error| fault("socket", error))?;
                send(&pair.server, &snapshot);
                Ok(())
            })
            .await?;
        switch(snapshot, pair.client)
    }

    async fn open_agent(self: &Rc<Self>, request: &Request) -> Result<Response> {
        let Some(agent) = verified::<AgentSocket>(request)? else {
            return Response::from_json(&Problem::new(Code::InvalidToken));
        };
        let pair = WebSocketPair::new()?;
        let name = self.name().await?;
        let attached = Attached::Agent { socket: agent.clone(), since_ms: now_ms() };
        let welcomed = self
            .event(|site, deployment| {
                site.agent_connected(&agent.device, &agent.session, &agent.credential(), agent.yields)?;
                attached.accept(&self.state, &pair.server, &[]).map_err(|error| fault("socket", error))?;
                let jwt = welcome::sign(&deployment.keys, &name, &agent.session, now_ms())
                    .map_err(|refusal| fault("welcome", refusal))?;
                send(&pair.server, &ToAgent::Welcome { jwt, keyset: deployment.keyset.clone() });
                Ok(())
            })
            .await?;
        switch(welcomed, pair.client)
    }

    async fn handle_message(
        self: &Rc<Self>,
        socket: &WebSocket,
        message: WebSocketIncomingMessage,
    ) -> Result<()> {
        let WebSocketIncomingMessage::String(text) = message else {
            shut(socket, 1003, "text_only");
            return Ok(());
        };
        if text.len() > MAX_FRAME {
            shut(socket, 1009, "frame_too_large");
            return Ok(());
        }
        let outcome = match Attached::of(socket) {
            Some(Attached::Agent { socket: agent, .. }) => {
                self.handle_agent_message(socket, &agent, &text).await?
            }
            Some(Attached::Panel { id, principal }) => {
                self.handle_panel_message(socket, &id, &principal, &text).await?
            }
            None => return Ok(()),
        };
        if let Err(problem) = outcome {
            worker::console_error!("frame: {problem}");
        }
        Ok(())
    }

    async fn handle_agent_message(
        self: &Rc<Self>,
        socket: &WebSocket,
        agent: &AgentSocket,
        text: &str,
    ) -> Result<std::result::Result<(), Problem>> {
        let Ok(message) = FromAgent::read(text) else {
            shut(socket, 1007, "malformed_frame");
            return Ok(Ok(()));
        };
        self.last_seen.note(&agent.session, now_ms());
        // `None` means that a newer agent sent a message type that this edge does not know.
        let Some(message) = message else { return Ok(Ok(())) };
        match message {
            FromAgent::Time { nonce } => return self.send_time(socket, &nonce).await,
            FromAgent::Renew { jwk } => return self.renew(socket, agent, &jwk).await,
            _ => {}
        }
        self.event(|site, _| {
            site.agent_message(&agent.device, &agent.session, message);
            Ok(())
        })
        .await
    }

    /// Signs a new certificate for the device's key, if the site allows the renewal.
    async fn renew(
        self: &Rc<Self>,
        socket: &WebSocket,
        agent: &AgentSocket,
        jwk: &serde_json::Value,
    ) -> Result<std::result::Result<(), Problem>> {
        let key = match PublicKey::from_jwk(jwk) {
            Ok(key) if key.thumbprint() == agent.thumbprint => key,
            _ => {
                return Ok(Err(Problem::new(Code::InvalidRequest)
                    .detail("the key in the message is not the enrolled key of the device")));
            }
        };
        let (name, now, jti) = (self.name().await?, now_s(), random_id());
        self.event(|site, deployment| {
            let next = Renewed { jti: &jti, expires_at: now + CERT_LIFE };
            if site.certificate_renewed(&agent.device, &agent.session, &agent.credential(), next)? {
                let jwt = device::sign_cert(&deployment.keys, &name, &agent.device, &key, &jti, now)
                    .map_err(|refusal| fault("certificate", refusal))?;
                send(socket, &ToAgent::Certificate { jwt });
            }
            Ok(())
        })
        .await
    }

    async fn send_time(&self, socket: &WebSocket, nonce: &str) -> Result<std::result::Result<(), Problem>> {
        if !is_nonce(nonce) {
            return Ok(Ok(()));
        }
        let name = self.name().await?;
        let signed = Deployment::of(&self.env).and_then(|deployment| {
            welcome::sign(&deployment.keys, &name, nonce, now_ms()).map_err(|refusal| fault("time", refusal))
        });
        Ok(signed.map(|jwt| send(socket, &ToAgent::Time { jwt })))
    }

    async fn handle_panel_message(
        self: &Rc<Self>,
        socket: &WebSocket,
        id: &str,
        principal: &Principal,
        text: &str,
    ) -> Result<std::result::Result<(), Problem>> {
        if self.frame_limits.require_room(principal, now_ms()).is_err() {
            shut(socket, close::THROTTLED, "too_many_messages");
            return Ok(Ok(()));
        }
        let message = match serde_json::from_str::<FromPanel>(text) {
            Ok(message) => message,
            Err(_) => {
                self.frame_limits.count(principal, now_ms());
                let problem = Problem::new(Code::InvalidRequest)
                    .detail("the WebSocket message is invalid or has an unknown type");
                send(socket, &ToPanel::Problem { id: None, problem });
                return Ok(Ok(()));
            }
        };
        self.event(|site, _| {
            if !site.panel_message(principal, id, message) {
                self.frame_limits.count(principal, now_ms());
            }
            Ok(())
        })
        .await
    }

    async fn closed(self: &Rc<Self>, socket: &WebSocket) -> Result<()> {
        if let Some(Attached::Agent { socket: agent, .. }) = Attached::of(socket) {
            self.last_seen.forget(&agent.session);
            let outcome = self
                .event(|site, _| {
                    site.agent_closed(&agent.device, &agent.session);
                    Ok(())
                })
                .await?;
            if let Err(problem) = outcome {
                worker::console_error!("close: {problem}");
            }
        }
        Ok(())
    }
}

/// Returns the data that the Worker verified and sent in the header [`SOCKET_HEADER`].
fn verified<T: serde::de::DeserializeOwned>(request: &Request) -> Result<Option<T>> {
    let header = request.headers().get(SOCKET_HEADER)?;
    Ok(header.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Returns status 101 and the client's side of the WebSocket. If `outcome` is a problem, this function returns the
/// problem as JSON with status 200. The Worker then responds with the HTTP status of the problem.
fn switch(outcome: std::result::Result<(), Problem>, client: WebSocket) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(ResponseBuilder::new()
            .with_status(101)
            .with_header("Sec-WebSocket-Protocol", SUBPROTOCOL)?
            .with_websocket(client)
            .empty()),
        Err(problem) => Response::from_json(&problem),
    }
}
