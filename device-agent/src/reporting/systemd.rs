//! Notifies systemd about the agent's readiness, the connection to the edge, and the watchdog.
//!
//! The agent sends watchdog messages to systemd only while the line task and the uplink task make progress. Each task
//! must have been polled recently, and the last poll must have returned. No timer of a line is allowed to be overdue.
//! The uplink task must meet the deadline that it has set for its connection attempt, pause or ping. If the environment
//! variable `NOTIFY_SOCKET` is not set, this module has no effect.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::lines::Lines;

/// The maximum time between two polls of a task.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// The maximum delay of a line's timer after which the line task is treated as stuck.
const LINE_GRACE: Duration = Duration::from_secs(5);
/// The maximum duration of a connection attempt, including all timeouts for a host with many IP addresses.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(180);

/// A task that the watchdog monitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The line task, which runs [`Lines::drive`].
    Lines,
    /// The uplink task, which runs `Uplink::run`.
    Uplink,
}

/// The state that the agent reports to the service manager. All clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Service(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    manager: Option<UnixDatagram>,
    /// The time within which the service manager expects the next watchdog message.
    watchdog: Option<Duration>,
    polled: [Cell<Option<Instant>>; 2],
    /// The deadline for the next progress of the uplink task.
    uplink_until: Cell<Option<Instant>>,
}

impl Service {
    /// Reads the environment variables `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let manager = connect().unwrap_or_else(|error| {
            tracing::warn!(code = "notify_socket", %error, "the service manager cannot be reached");
            None
        });
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // A parent process can leave its own watchdog variables in the environment, so the process id must match.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| ours && *usec > 0).map(Duration::from_micros);
        Self(Rc::new(Shared {
            watchdog: watchdog.filter(|_| manager.is_some()),
            manager,
            ..Shared::default()
        }))
    }

    /// Reports that the agent is ready. The agent is ready when every usable output is at its start level and the
    /// uplink task is running.
    pub fn ready(&self) {
        self.notify("READY=1\nSTATUS=connecting to the edge");
    }

    /// Reports that a reload of the configuration has started. With `Type=notify-reload`, systemd uses the timestamp in
    /// this message to recognise the end of the reload.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let (secs, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
        let usec = secs.saturating_mul(1_000_000).saturating_add(nanos / 1_000);
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
    }

    /// Reports that a reload of the configuration has ended, whether or not the reload was successful.
    pub fn reloaded(&self) {
        self.notify("READY=1");
    }

    pub fn stopping(&self) {
        self.notify("STOPPING=1\nSTATUS=stopping");
    }

    /// Sets the status text that `systemctl status` shows.
    pub fn status(&self, text: &str) {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.notify(&format!("STATUS={line}"));
    }

    /// Sets the deadline for the next progress of the uplink task.
    pub fn uplink_within(&self, time: Duration) {
        self.0.uplink_until.set(Instant::now().checked_add(time));
    }

    /// Runs a task and records the time of each completed poll of the task.
    pub async fn watch<F: Future>(&self, part: Part, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut ticks = interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        poll_fn(|context| {
            while ticks.poll_tick(context).is_ready() {}
            let polled = future.as_mut().poll(context);
            self.polled(part).set(Some(Instant::now()));
            polled
        })
        .await
    }

    /// Sends watchdog messages while the line task and the uplink task make progress. This function never returns.
    pub async fn feed_watchdog(&self, lines: &Lines) {
        let Some(limit) = self.0.watchdog else { return std::future::pending().await };
        let mut ticks = interval(limit / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut complained = false;
        loop {
            let now = ticks.tick().await;
            match self.stuck(now, limit, lines.next_due()) {
                None => self.notify("WATCHDOG=1"),
                Some(part) if !complained => {
                    complained = true;
                    tracing::error!(code = "stuck", ?part, "a task is stuck; systemd will restart the agent");
                }
                Some(_) => {}
            }
        }
    }

    /// Returns the task that makes no progress, if any.
    fn stuck(&self, now: Instant, limit: Duration, line_due: Option<Instant>) -> Option<Part> {
        let lately = |part| {
            // A task that was never polled is not treated as stuck, because the first check can run before the first
            // poll.
            self.polled(part)
                .get()
                .is_none_or(|at| now.saturating_duration_since(at) < limit.max(2 * POLL_EVERY))
        };
        if !lately(Part::Lines) || line_due.is_some_and(|due| now > due + LINE_GRACE) {
            return Some(Part::Lines);
        }
        let on_time = self.0.uplink_until.get().is_none_or(|until| now <= until);
        if lately(Part::Uplink) && on_time { None } else { Some(Part::Uplink) }
    }

    fn polled(&self, part: Part) -> &Cell<Option<Instant>> {
        let [lines, uplink] = &self.0.polled;
        match part {
            Part::Lines => lines,
            Part::Uplink => uplink,
        }
    }

    fn notify(&self, state: &str) {
        if let Some(manager) = &self.0.manager
            && let Err(error) = manager.send(state.as_bytes())
        {
            tracing::debug!(%error, "a message to the service manager could not be sent");
        }
    }
}

/// Connects to the service manager's socket. The value of `NOTIFY_SOCKET` is a path, or `@` followed by a name in the
/// abstract socket namespace.
fn connect() -> io::Result<Option<UnixDatagram>> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(&name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // The socket is non-blocking, because a service manager that does not read must not delay the agent.
    socket.set_nonblocking(true)?;
    Ok(Some(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_part_that_is_not_polled_any_more_is_stuck() {
        let service = Service::default();
        let stuck = || service.stuck(Instant::now(), LIMIT, None);
        service.watch(Part::Lines, async {}).await;
        service.watch(Part::Uplink, async {}).await;
        assert_eq!(stuck(), None);
        tokio::time::advance(LIMIT).await;
        assert_eq!(stuck(), Some(Part::Lines));
        service.watch(Part::Lines, async {}).await;
        assert_eq!(stuck(), Some(Part::Uplink));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_part_is_polled_all_the_same() {
        let service = Service::default();
        let idle = service.watch(Part::Lines, std::future::pending::<()>());
        assert!(tokio::time::timeout(6 * LIMIT, idle).await.is_err());
        assert_eq!(service.stuck(Instant::now(), LIMIT, None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_overdue_is_stuck() {
        let service = Service::default();
        let now = Instant::now();
        assert_eq!(service.stuck(now + LINE_GRACE, LIMIT, Some(now)), None);
        assert_eq!(service.stuck(now + 2 * LINE_GRACE, LIMIT, Some(now)), Some(Part::Lines));
        service.uplink_within(Duration::from_secs(30));
        assert_eq!(service.stuck(now + Duration::from_secs(30), LIMIT, None), None);
        assert_eq!(service.stuck(now + Duration::from_secs(31), LIMIT, None), Some(Part::Uplink));
    }
}
