//! The link to the edge as a state machine without I/O: inputs and the time go in, effects come out.
//!
//! A new socket is always opened *beside* the old one, which is closed only when the new one has sent its
//! snapshot. So a session is renewed, and a missed event made good, without a moment of "not connected".

#[cfg(test)]
mod tests;

/// Names one socket, so that frames and closes of an earlier one can be told apart.
pub type SocketId = u32;

/// The close code of a socket whose token has expired or was revoked.
pub const SESSION_ENDED: u16 = 4401;

/// The first wait after a lost link; it doubles with every further failure.
const BACKOFF_FIRST_MS: u64 = 500;
/// The longest wait between two attempts.
const BACKOFF_MOST_MS: u64 = 15_000;
/// A link that held this long counts as good again.
const STEADY_MS: u64 = 10_000;
/// How long a socket may take from its opening to its snapshot.
const SNAPSHOT_WITHIN_MS: u64 = 10_000;
/// How long after an unanswered ping a socket counts as lost. Counted from the ping and not from the last
/// frame: a page in the background is given its timer once a minute, and that silence is its own.
const ANSWER_WITHIN_MS: u64 = pinlatch_protocol::SILENCE_LIMIT_MS - pinlatch_protocol::PING_EVERY_MS;
/// The same when the page comes to the front, and a person is waiting.
const PROBE_WITHIN_MS: u64 = 4_000;
/// The least time between two fresh snapshots, so that a stream with gaps causes no storm.
const RESYNC_PAUSE_MS: u64 = 2_000;
/// How long an expired token's successor may take before the page admits to being disconnected.
const QUIET_MS: u64 = 3_000;
/// How long after the end of a session that cannot be renewed the edge is asked about it.
const OVER_AFTER_MS: u64 = 500;
/// The shortest time to a renewal, whatever the token says.
const RENEW_LEAST_MS: u64 = 5_000;

/// The link as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An attempt is under way.
    Connecting,
    /// A socket has sent its snapshot.
    Connected,
    /// The next attempt begins at this time.
    Waiting {
        /// Milliseconds of Unix time.
        until_ms: u64,
    },
    /// The browser says that it has no network.
    Offline,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The page may open its first socket.
    Start,
    /// A frame came in.
    Frame(SocketId),
    /// The frame was a snapshot; its token is good for so long.
    Snapshot(SocketId, u64),
    /// An event is missing.
    Gap,
    /// A socket closed, or never opened.
    Closed(SocketId, u16),
    /// The session was found good, or was renewed.
    SessionGood,
    /// The session is over.
    SessionGone,
    /// The edge could not be asked about the session.
    SessionUnsure,
    /// The page became visible.
    Woken,
    /// The browser's network came or went.
    Network(bool),
    /// A second has passed, more or less.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Open a socket.
    Open(SocketId),
    /// Close a socket; nothing more is wanted from it.
    Close(SocketId),
    /// Send a ping.
    Ping(SocketId),
    /// Ask whether the session is still good, renewing it if not.
    Resume,
    /// Renew the session, or ask whether it is over where it cannot be renewed.
    Refresh,
    /// Show what comes after a session.
    Over,
}

#[derive(Debug, Clone, Copy)]
struct Socket {
    id: SocketId,
    opened_ms: u64,
    pinged_ms: u64,
    /// When a ping that is still unanswered makes this socket count as lost.
    answer_by_ms: Option<u64>,
}

/// What is tried when a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    Open,
    /// A handshake's status is hidden from scripts: perhaps the session is the reason.
    Resume,
    Refresh,
}

/// The link to the edge.
#[derive(Debug)]
pub struct Link {
    /// The socket that has sent its snapshot: events come from it, commands go to it.
    current: Option<Socket>,
    /// Its successor, which has not.
    next: Option<Socket>,
    last_id: SocketId,
    failures: u32,
    retry: Option<(u64, Try)>,
    renew_at_ms: Option<u64>,
    /// An answer about the session is on its way.
    asking: bool,
    resync: bool,
    quiet_until_ms: u64,
    network: bool,
    over: bool,
    /// Whether the session can be renewed.
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
    /// The link of a session that cannot be renewed: when it should be over, the edge is asked whether it is.
    pub fn of_guest() -> Self {
        Self { renewable: false, ..Self::default() }
    }

    /// The socket that commands go to.
    pub fn current(&self) -> Option<SocketId> {
        self.current.map(|socket| socket.id)
    }

    /// Whether frames of this socket still matter.
    pub fn knows(&self, id: SocketId) -> bool {
        [self.current, self.next].into_iter().flatten().any(|socket| socket.id == id)
    }

    /// The link as people see it.
    pub fn state(&self, now_ms: u64) -> State {
        match self.retry {
            _ if self.current.is_some() || now_ms < self.quiet_until_ms => State::Connected,
            _ if !self.network => State::Offline,
            Some((until_ms, _)) => State::Waiting { until_ms },
            None => State::Connecting,
        }
    }

    /// Takes one input. `chance`, from 0 to 1, spreads the attempts of many panels.
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
            // At 80 % of its life the session is renewed, long before its socket is closed for it.
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
        if code == SESSION_ENDED && was_current {
            self.quiet_until_ms = now_ms.saturating_add(QUIET_MS);
            self.ask(Effect::Refresh, effects);
        } else if self.next.is_none() && !self.asking {
            let why = if code == SESSION_ENDED { Try::Refresh } else { Try::Resume };
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

    /// Somebody is looking: no waiting, and a quick answer to whether the link still holds.
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
