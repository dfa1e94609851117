//! Opens the site for each event, carries out the effects, and sets the timer and the alarm.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use pinlatch_protocol::command::DEFAULT_DEADLINE_MS;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Problem;
use pinlatch_site::{FrameLimits, GRACE_MS, Memory, Site};
use worker::{Delay, Env, Result, ScheduledTime, State};

use crate::clock::now_ms;
use crate::config::Deployment;
use crate::respond::fault;
use crate::site::effects::{Actuator, Waiters, close_if_ended};
use crate::site::known_alarm::KnownAlarm;
use crate::site::questions::Questions;
use crate::site::sockets::{LastSeen, Sockets};
use crate::site::store::SqlStore;

/// If work is due within `TIMER_MS` milliseconds, a timer starts the work. The timer keeps the Durable Object in
/// memory. For later work, the alarm wakes the Durable Object. A command with the default deadline uses the timer, with
/// a second to spare.
const TIMER_MS: u64 = DEFAULT_DEADLINE_MS + GRACE_MS + 1_000;

/// The delay of the alarm after the timer, in milliseconds. The alarm starts the work if the Durable Object was evicted
/// and has lost its timer.
const ALARM_SLACK_MS: u64 = 2_000;

/// The time until the next attempt if the site cannot be opened, in milliseconds. Work can be due, but its time is then
/// unknown. It is shorter in tests.
const RETRY_MS: u64 = if cfg!(feature = "test-hooks") { 1_000 } else { 60_000 };

/// The state of the object that its requests, messages and timers share.
pub(super) struct Inner {
    pub(super) state: State,
    pub(super) env: Env,
    store: SqlStore,
    pub(super) last_seen: LastSeen,
    memory: Memory,
    pub(super) waiters: Waiters,
    pub(super) questions: Questions,
    pub(super) frame_limits: FrameLimits,
    name: RefCell<Option<Name>>,
    /// The time at which the current timer expires, in milliseconds of Unix time. The value is `None` if no timer is
    /// running.
    timer: Cell<Option<u64>>,
    /// The wake-up time that the site last requested, in milliseconds of Unix time. The value is
    /// `None` after [`Inner::tick`].
    wake: Cell<Option<u64>>,
    alarm: KnownAlarm,
}

impl Inner {
    pub(super) fn new(state: State, env: Env) -> Self {
        Self {
            store: SqlStore::new(&state),
            state,
            env,
            last_seen: LastSeen::default(),
            memory: Memory::default(),
            waiters: Waiters::default(),
            questions: Questions::default(),
            frame_limits: FrameLimits::default(),
            name: RefCell::new(None),
            timer: Cell::new(None),
            wake: Cell::new(None),
            alarm: KnownAlarm::default(),
        }
    }

    /// Stores the site's name, because alarms and frames that arrive after an eviction do not contain the name.
    pub(super) async fn store_name(&self, name: Name) -> Result<()> {
        if self.name.borrow().is_none() {
            self.state.storage().put("site", name.as_str()).await?;
            self.name.replace(Some(name));
        }
        Ok(())
    }

    pub(super) async fn name(&self) -> Result<Name> {
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
    pub(super) async fn event<T>(
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
            questions: &self.questions,
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

    /// Does the work for which the alarm was set.
    pub(super) async fn alarm_fired(self: &Rc<Self>) -> Result<()> {
        self.alarm.forget();
        self.tick().await
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
}
