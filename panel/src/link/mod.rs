//! The link to the edge as a state machine without I/O. The state machine receives inputs and the current time, and
//! returns effects.
//!
//! The panel always opens a new socket before it closes the old socket. The old socket is closed when the new socket
//! has received its snapshot. Therefore, a renewal of the session or a missed event causes no visible disconnection.

#[cfg(test)]
mod tests;

use pinlatch_protocol::close;

/// The id of a socket. The id makes it possible to ignore frames and close events of earlier sockets.
pub type SocketId = u32;

/// The longest wait before the first attempt to reconnect, in milliseconds. The longest wait doubles with every further
/// failed attempt.
const BACKOFF_FIRST_MS: u64 = 500;
/// The longest wait between two attempts to connect, in milliseconds.
const BACKOFF_MOST_MS: u64 = 15_000;
/// A connection that has lasted this long, in milliseconds, counts as stable. After a stable connection, the wait
/// before the next attempt is short again.
const STEADY_MS: u64 = 10_000;
/// The time within which a new socket must receive its snapshot, in milliseconds.
const SNAPSHOT_WITHIN_MS: u64 = 10_000;
/// A socket counts as lost if a ping is not answered within this time, in milliseconds. The time is measured from the
/// ping and not from the last frame. The reason is that browsers run the timers of a background page only once a
/// minute, so the page itself may cause a long silence.
const ANSWER_WITHIN_MS: u64 = pinlatch_protocol::SILENCE_LIMIT_MS - pinlatch_protocol::PING_EVERY_MS;
/// The time limit for the answer to a ping when the page becomes visible, in milliseconds. This limit is shorter than
/// the usual limit, because a person is waiting for the page.
const PROBE_WITHIN_MS: u64 = 4_000;
/// The minimum time between two snapshots, in milliseconds. The pause limits the load on the edge if events are missing
/// repeatedly.
const RESYNC_PAUSE_MS: u64 = 2_000;
/// The time after the expiry of a token until the page shows a lost connection, in milliseconds.
const QUIET_MS: u64 = 3_000;
/// The time from the expected end of a session that cannot be renewed until the session is checked, in milliseconds.
const OVER_AFTER_MS: u64 = 500;
/// The minimum time before a renewal of the session, in milliseconds. This minimum does not depend on the lifetime of
/// the token.
const RENEW_LEAST_MS: u64 = 5_000;

/// The state of the link, as displayed by the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Connecting,
    Connected,
    /// The panel waits before the next attempt to connect.
    Waiting {
        /// The time of the next attempt, in milliseconds of Unix time.
        until_ms: u64,
    },
    /// The browser reports that it has no network connection.
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Start,
    /// A frame of any type was received.
    Frame(SocketId),
    /// A snapshot was received. The second field is the remaining validity of the token, in milliseconds.
    Snapshot(SocketId, u64),
    /// An event is missing, so the panel needs a new snapshot.
    Gap,
    /// A socket was closed or could not be opened. The second field is the close code.
    Closed(SocketId, u16),
    /// The session is valid or was renewed.
    SessionGood,
    SessionGone,
    /// The session could not be checked, because the edge was not reached.
    SessionUnsure,
    Woken,
    /// The network connection of the browser became available (`true`) or was lost (`false`).
    Network(bool),
    /// About one second has passed since the previous tick.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Open(SocketId),
    /// Close a socket and ignore further frames of this socket.
    Close(SocketId),
    Ping(SocketId),
    /// Check the session. If the session has expired, renew the session.
    Resume,
    /// Renew the session. If the session cannot be renewed, only check the session.
    Refresh,
    /// Show the login page, because the session has ended.
    Over,
}

#[derive(Debug, Clone, Copy)]
struct Socket {
    id: SocketId,
    opened_ms: u64,
    pinged_ms: u64,
    /// The time at which the socket counts as lost, or `None` if there is no unanswered ping.
    answer_by_ms: Option<u64>,
}

/// The action after a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    Open,
    /// Check the session before the next connection. The session may be the cause of a failed handshake, because
    /// browsers hide the HTTP status of a failed handshake from scripts.
    Resume,
    Refresh,
}

#[derive(Debug)]
pub struct Link {
    /// The socket that has received its snapshot and now transmits events and commands.
    current: Option<Socket>,
    /// A socket that has not received its snapshot yet.
    next: Option<Socket>,
    last_id: SocketId,
    failures: u32,
    retry: Option<(u64, Try)>,
    renew_at_ms: Option<u64>,
    /// Whether a check or a renewal of the session is running.
    asking: bool,
    resync: bool,
    quiet_until_ms: u64,
    network: bool,
    over: bool,
    renewable: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            current: None,
            next: None,
            last_id: 0,
            failures: 0,
            retry: None,
            renew_at_ms: None,
            asking: false,
            resync: false,
            quiet_until_ms: 0,
            network: true,
            over: false,
            renewable: true,
        }
    }
}

impl Link {
    /// Creates the link for a guest's session, which cannot be renewed. At the expected end of the session, the panel
    /// queries the status of the session from the edge.
    pub fn of_guest() -> Self {
        Self { renewable: false, ..Self::default() }
    }

    pub fn current(&self) -> Option<SocketId> {
        self.current.map(|socket| socket.id)
    }

    /// Whether this socket is still in use.
    pub fn knows(&self, id: SocketId) -> bool {
        [self.current, self.next].into_iter().flatten().any(|socket| socket.id == id)
    }

    /// Returns the state of the link, as displayed by the page.
    pub fn state(&self, now_ms: u64) -> State {
        match self.retry {
            _ if self.current.is_some() || now_ms < self.quiet_until_ms => State::Connected,
            _ if !self.network => State::Offline,
            Some((until_ms, _)) => State::Waiting { until_ms },
            None => State::Connecting,
        }
    }

    /// Handles one input. `chance` is a random number from 0 to 1. The random number varies the waits, so that many
    /// panels do not reconnect at the same time.
    pub fn step(&mut self, input: Input, now_ms: u64, chance: f64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.over {
            return effects;
        }
        match input {
            Input::Start => self.open(now_ms, &mut effects),
            Input::Frame(id) => {
                for socket in [&mut self.current, &mut self.next].into_iter().flatten() {
                    if socket.id == id {
                        socket.answer_by_ms = None;
                    }
                }
            }
            Input::Snapshot(id, life_ms) => self.snapshot(id, life_ms, now_ms, &mut effects),
            Input::Gap => {
                self.resync = true;
                self.resync_if_due(now_ms, &mut effects);
            }
            Input::Closed(id, code) => self.closed(id, code, now_ms, chance, &mut effects),
            Input::SessionGood => {
                self.asking = false;
                self.open(now_ms, &mut effects);
            }
            Input::SessionGone => {
                let sockets = [self.current.take(), self.next.take()];
                effects.extend(sockets.into_iter().flatten().map(|socket| Effect::Close(socket.id)));
                effects.push(Effect::Over);
                self.over = true;
            }
            Input::SessionUnsure => {
                self.asking = false;
                self.wait(Try::Refresh, now_ms, chance);
            }
            Input::Woken => self.hurry(now_ms, &mut effects),
            Input::Network(there) => {
                self.network = there;
                if there {
                    self.hurry(now_ms, &mut effects);
                }
            }
            Input::Tick => self.tick(now_ms, chance, &mut effects),
        }
        effects
    }

    fn open(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        self.retry = None;
        if self.next.is_some() {
            return;
        }
        self.last_id = self.last_id.wrapping_add(1);
        let socket = Socket { id: self.last_id, opened_ms: now_ms, pinged_ms: now_ms, answer_by_ms: None };
        self.next = Some(socket);
        effects.push(Effect::Open(socket.id));
    }

    fn ask(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        self.retry = None;
        if !self.asking {
            self.asking = true;
            effects.push(effect);
        }
    }

    fn attempt(&mut self, what: Try, now_ms: u64, effects: &mut Vec<Effect>) {
        match what {
            Try::Open => self.open(now_ms, effects),
            Try::Resume => self.ask(Effect::Resume, effects),
            Try::Refresh => self.ask(Effect::Refresh, effects),
        }
    }

    fn wait(&mut self, what: Try, now_ms: u64, chance: f64) {
        let most = BACKOFF_MOST_MS.min(BACKOFF_FIRST_MS << self.failures.min(8));
        let wait = most / 2 + (most as f64 / 2.0 * chance.clamp(0.0, 1.0)) as u64;
        self.failures = self.failures.saturating_add(1);
        self.retry = Some((now_ms.saturating_add(wait), what));
    }

    fn snapshot(&mut self, id: SocketId, life_ms: u64, now_ms: u64, effects: &mut Vec<Effect>) {
        if self.next.is_some_and(|socket| socket.id == id) {
            effects.extend(self.current.map(|old| Effect::Close(old.id)));
            self.current = self.next.take();
            self.retry = None;
            self.resync = false;
            self.quiet_until_ms = 0;
        }
        if self.current() == Some(id) {
            // The session is renewed after 80 % of the token's remaining validity, before the edge closes the socket.
            let wait = if self.renewable { life_ms / 5 * 4 } else { life_ms.saturating_add(OVER_AFTER_MS) };
            self.renew_at_ms = Some(now_ms.saturating_add(wait.max(RENEW_LEAST_MS)));
        }
    }

    fn closed(&mut self, id: SocketId, code: u16, now_ms: u64, chance: f64, effects: &mut Vec<Effect>) {
        let was_current = self.current.is_some_and(|socket| socket.id == id);
        let was_next = self.next.is_some_and(|socket| socket.id == id);
        if was_current {
            self.current = None;
        }
        if was_next {
            self.next = None;
        }
        if !(was_current || was_next) {
            return;
        }
        if code == close::SESSION_ENDED && was_current {
            self.quiet_until_ms = now_ms.saturating_add(QUIET_MS);
            self.ask(Effect::Refresh, effects);
        } else if self.next.is_none() && !self.asking {
            let why = if code == close::SESSION_ENDED { Try::Refresh } else { Try::Resume };
            self.wait(if was_next { why } else { Try::Open }, now_ms, chance);
        }
    }

    fn resync_if_due(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        let due = |socket: &Socket| now_ms >= socket.opened_ms.saturating_add(RESYNC_PAUSE_MS);
        if self.resync && self.current.as_ref().is_some_and(due) {
            self.resync = false;
            self.open(now_ms, effects);
        }
    }

    /// Ends a wait immediately and checks the connection with a short time limit, because a person is looking at the
    /// page.
    fn hurry(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        if let Some((_, what)) = self.retry {
            self.failures = 0;
            self.attempt(what, now_ms, effects);
        }
        if let Some(socket) = &mut self.current {
            let soon = now_ms.saturating_add(PROBE_WITHIN_MS);
            socket.answer_by_ms = Some(socket.answer_by_ms.map_or(soon, |by| by.min(soon)));
            socket.pinged_ms = now_ms;
            effects.push(Effect::Ping(socket.id));
        }
    }

    fn tick(&mut self, now_ms: u64, chance: f64, effects: &mut Vec<Effect>) {
        if let Some(socket) = self.next.filter(|s| now_ms >= s.opened_ms.saturating_add(SNAPSHOT_WITHIN_MS)) {
            effects.push(Effect::Close(socket.id));
            self.closed(socket.id, 0, now_ms, chance, effects);
        }
        if let Some(socket) = self.current.filter(|s| s.answer_by_ms.is_some_and(|by| now_ms >= by)) {
            effects.push(Effect::Close(socket.id));
            self.current = None;
            self.open(now_ms, effects);
        }
        if let Some(socket) = &mut self.current {
            if now_ms >= socket.opened_ms.saturating_add(STEADY_MS) && self.retry.is_none() {
                self.failures = 0;
            }
            if now_ms >= socket.pinged_ms.saturating_add(pinlatch_protocol::PING_EVERY_MS) {
                socket.pinged_ms = now_ms;
                socket.answer_by_ms.get_or_insert(now_ms.saturating_add(ANSWER_WITHIN_MS));
                effects.push(Effect::Ping(socket.id));
            }
        }
        self.resync_if_due(now_ms, effects);
        if self.current.is_some() && self.renew_at_ms.is_some_and(|at| now_ms >= at) {
            self.renew_at_ms = None;
            self.ask(Effect::Refresh, effects);
        }
        if let Some((_, what)) = self.retry.filter(|(at, _)| now_ms >= *at) {
            self.attempt(what, now_ms, effects);
        }
    }
}
