//! Connects [`Link`] and [`Model`] to the browser's WebSockets, timers and page events.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::leptos_dom::helpers::{set_interval_with_handle, window_event_listener_untyped};
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::line::Action;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, FromPanel, ToPanel};
use pinlatch_protocol::{PING, PONG};

use crate::api::{self, Failure};
use crate::link::{Effect, Input, Link, SocketId, State};
use crate::model::map::Map;
use crate::model::{Key, Model, ModelUpdate};
use crate::prefs::Prefs;
use crate::refusal::Remedy;
use crate::session::{self, Session, SessionStatus};
use crate::socket::Socket;
use crate::ui::dialog::Question;
use crate::visit::Visitor;
use crate::{platform, viewer, words};

/// The close code that is reported for a WebSocket that could not be created.
const NEVER_OPENED: u16 = 1006;

/// Returns the storage key of a site's preferences. Guests have a separate key, so that guests do not see the owner's
/// arrangement.
fn board(visitor: Visitor) -> String {
    let of = match visitor {
        Visitor::Person => "board",
        Visitor::Guest => "visit",
    };
    format!("pinlatch.{of}.{}", platform::site().map(|site| site.to_string()).unwrap_or_default())
}

/// The signals from which the page is drawn, and the functions that send commands. The struct is cheap to copy.
#[derive(Clone, Copy)]
pub struct Panel {
    pub model: RwSignal<Model>,
    pub link: RwSignal<State>,
    /// The time of the panel's clock, in milliseconds of Unix time. The signal is updated every second.
    pub now: RwSignal<u64>,
    /// The last announcement for screen readers.
    pub said: RwSignal<String>,
    /// The round-trip time of the last ping, in milliseconds.
    pub edge_ms: RwSignal<Option<u32>>,
    pub prefs: RwSignal<Prefs>,
    /// Whether the person is arranging the board. Lines cannot be operated while the board is being arranged.
    pub arranging: RwSignal<bool>,
    pub search: RwSignal<String>,
    /// The open confirmation dialog.
    pub question: RwSignal<Option<Question>>,
    pub dragged: StoredValue<Option<Key>>,
    /// Whether the server has a newer version of the panel.
    pub newer: RwSignal<bool>,
    /// Whether the page was loaded again because another person logged in.
    pub is_other_login: bool,
    pub visitor: Visitor,
    /// A counter that increases with every measured round trip of a command.
    pub timed: RwSignal<u32>,
    /// The subscribers of each line. A change of a line notifies only the subscribers of this line, so that hundreds of
    /// other lines are not redrawn.
    watched: StoredValue<Map<Key, ArcTrigger>>,
    /// Whether a change of one line notifies all subscribers of the model.
    notifies_all: bool,
    /// Whether the panel has been connected before.
    was_connected: StoredValue<bool>,
    session: RwSignal<Session>,
    driver: StoredValue<Driver, LocalStorage>,
}

#[derive(Clone)]
struct Driver(Rc<RefCell<Inner>>);

struct Inner {
    link: Link,
    sockets: Map<SocketId, Socket>,
    /// The socket of the unanswered ping, and the time at which the ping was sent.
    pinged: Option<(SocketId, f64)>,
}

impl Driver {
    fn of(visitor: Visitor) -> Self {
        let link = match visitor {
            Visitor::Person => Link::default(),
            Visitor::Guest => Link::of_guest(),
        };
        Self(Rc::new(RefCell::new(Inner { link, sockets: Map::default(), pinged: None })))
    }
}

/// The part of the model that a frame changes.
enum Subject {
    /// The frame changes one line.
    Line(Key),
    /// The frame contains the result of a command.
    Command,
    /// The frame changes nothing that is visible.
    Nothing,
    /// The frame changes another part of the model.
    More,
}

fn subject(frame: &ToPanel) -> Subject {
    let line = |device: &Name, line: &Name| Subject::Line(Key { device: device.clone(), line: line.clone() });
    match frame {
        ToPanel::Event { change: Change::Line { device, line: view }, .. } => line(device, &view.name),
        ToPanel::Event { change: Change::Hidden, .. } | ToPanel::Reading { .. } => Subject::Nothing,
        ToPanel::Press { device, line: name, .. } => line(device, name),
        ToPanel::Result { .. } | ToPanel::Problem { .. } => Subject::Command,
        _ => Subject::More,
    }
}

impl Panel {
    /// Connects to the edge and stays connected until the reactive owner is disposed of. `notifies_all` must be `true`
    /// for pages that do not use [`Self::of_line`].
    pub fn start(session: RwSignal<Session>, notifies_all: bool) -> Self {
        let visitor = platform::visitor();
        let panel = Self {
            model: RwSignal::new(Model::default()),
            link: RwSignal::new(State::Connecting),
            now: RwSignal::new(platform::now_ms()),
            said: RwSignal::new(String::new()),
            edge_ms: RwSignal::new(None),
            prefs: RwSignal::new(
                platform::stored(&board(visitor)).map_or_else(Prefs::default, |text| Prefs::parse(&text)),
            ),
            arranging: RwSignal::new(false),
            search: RwSignal::new(String::new()),
            question: RwSignal::new(None),
            dragged: StoredValue::new(None),
            newer: RwSignal::new(false),
            is_other_login: platform::take_other_login(),
            visitor,
            timed: RwSignal::new(0),
            watched: StoredValue::new(Map::default()),
            notifies_all,
            was_connected: StoredValue::new(false),
            session,
            driver: StoredValue::new_local(Driver::of(visitor)),
        };
        let timer = set_interval_with_handle(move || panel.tick(), Duration::from_secs(1)).ok();
        let listeners = [
            ("online", Input::Network(true)),
            ("offline", Input::Network(false)),
            ("visibilitychange", Input::Woken),
            ("pageshow", Input::Woken),
        ]
        .map(|(name, input)| {
            window_event_listener_untyped(name, move |_| {
                if input != Input::Woken || platform::is_visible() {
                    panel.step(input);
                }
            })
        });
        let driver = panel.driver;
        on_cleanup(move || {
            if let Some(timer) = timer {
                timer.clear();
            }
            listeners.into_iter().for_each(|listener| listener.remove());
            let sockets = driver.try_with_value(|driver| std::mem::take(&mut driver.0.borrow_mut().sockets));
            drop(sockets);
        });
        panel.step(Input::Network(platform::has_network()));
        panel.step(Input::Start);
        panel
    }

    /// Reconnects to the edge after a new login.
    pub fn begin_again(&self) {
        let sockets = self.driver.try_with_value(|driver| {
            let mut inner = driver.0.borrow_mut();
            inner.link = Link::default();
            std::mem::take(&mut inner.sockets)
        });
        drop(sockets);
        self.step(Input::Network(platform::has_network()));
        self.step(Input::Start);
    }

    /// Reconnects to the edge after the tokens of the session were replaced. The snapshot of the new socket contains
    /// the validity of the new token, from which the link computes the time of the next renewal.
    pub fn session_replaced(&self) {
        self.session_status(SessionStatus::Good);
    }

    pub fn is_connected(&self) -> bool {
        self.link.get() == State::Connected
    }

    /// Changes the preferences and stores the changed preferences.
    pub fn arrange(&self, change: impl FnOnce(&mut Prefs)) {
        self.prefs.update(change);
        platform::store(&board(self.visitor), &self.prefs.with_untracked(Prefs::to_text));
    }

    /// Reads from the model. The caller is subscribed to changes of this line and of the whole model, but not to
    /// changes of other lines.
    pub fn of_line<T>(&self, key: &Key, read: impl FnOnce(&Model) -> T) -> T {
        let watch = self.watched.try_update_value(|watched| match watched.get(key) {
            Some(watch) => watch.clone(),
            None => {
                let watch = ArcTrigger::new();
                watched.insert(key.clone(), watch.clone());
                watch
            }
        });
        if let Some(watch) = watch {
            watch.track();
        }
        self.model.track();
        self.model.with_untracked(read)
    }

    /// Notifies the subscribers of a line.
    fn notify(&self, key: &Key) {
        let watch = self.watched.try_with_value(|watched| watched.get(key).cloned()).flatten();
        match watch {
            Some(watch) if !self.notifies_all => watch.notify(),
            _ => self.model.notify(),
        }
    }

    /// Sends a command. If no socket is connected, the command is queued.
    pub fn ask(&self, key: Key, action: Action) {
        let Some(id) = platform::random_id() else { return };
        let about = key.clone();
        self.model.update_untracked(|model| model.ask(key, id, action, platform::now_ms()));
        self.notify(&about);
        self.flush();
    }

    pub fn dismiss(&self, key: &Key) {
        self.model.update_untracked(|model| model.dismiss(key));
        self.notify(key);
    }

    /// Ends the session. Returns `false` if the edge did not end the session, for example because the edge was not
    /// reached. The cookies are then still valid, so the panel stays open and does not look logged out.
    pub async fn log_out(&self) -> bool {
        let over = match api::logout().await {
            Ok(()) => true,
            Err(failure) => failure.remedy() == Remedy::Renew,
        };
        if over {
            self.session.set(Session::Over { ended: false });
        }
        over
    }

    fn tick(&self) {
        let now = platform::now_ms();
        self.now.set(now);
        self.step(Input::Tick);
        if self.model.with_untracked(Model::is_waiting) {
            let lost = self.model.try_update(|model| model.give_up(now)).unwrap_or_default();
            lost.iter().for_each(|key| self.announce(key));
        }
        if self.link.get_untracked() == State::Connected {
            self.query_status();
        }
    }

    fn step(&self, input: Input) {
        let now = platform::now_ms();
        let stepped = self.driver.try_with_value(|driver| {
            let link = &mut driver.0.borrow_mut().link;
            (link.step(input, now, platform::chance()), link.state(now))
        });
        let Some((effects, state)) = stepped else { return };
        for effect in effects {
            self.run(effect);
        }
        let before = self.link.get_untracked();
        if before != state {
            self.link.set(state);
            let filled = self.model.with_untracked(Model::is_filled);
            match (before, state) {
                (State::Connected, _) => {
                    self.edge_ms.set(None);
                    self.say(words::NOT_CONNECTED.into());
                }
                (_, State::Connected) if filled => {
                    if self.was_connected.try_update_value(|was| std::mem::replace(was, true)) == Some(true) {
                        self.say(words::CONNECTED_AGAIN.into());
                    }
                    // A new deployment closes every socket. The panel therefore checks for a new version after it has
                    // reconnected.
                    let newer = self.newer;
                    spawn_local(async move {
                        if api::is_replaced().await {
                            newer.try_set(true);
                        }
                    });
                }
                _ => {}
            }
        }
    }

    fn run(&self, effect: Effect) {
        let panel = *self;
        match effect {
            Effect::Open(id) => self.open(id),
            Effect::Close(id) => {
                let socket = self.driver.try_with_value(|driver| driver.0.borrow_mut().sockets.remove(&id));
                drop(socket);
            }
            Effect::Ping(id) => {
                let now = platform::span_ms();
                self.driver.try_with_value(|driver| driver.0.borrow_mut().pinged = Some((id, now)));
                self.send(id, PING);
            }
            Effect::Resume => spawn_local(async move { panel.session_status(session::resume().await) }),
            Effect::Refresh => spawn_local(async move { panel.session_status(session::refresh().await) }),
            Effect::Over => self.session.set(Session::Over { ended: true }),
        }
    }

    /// Records the round-trip time of a ping.
    fn answered(&self, id: SocketId) {
        let pinged = self.driver.try_with_value(|driver| driver.0.borrow_mut().pinged.take()).flatten();
        if let Some((_, at)) = pinged.filter(|(socket, _)| *socket == id) {
            self.edge_ms.set(Some((platform::span_ms() - at).round() as u32));
        }
    }

    fn session_status(&self, status: SessionStatus) {
        self.step(match status {
            SessionStatus::Good => Input::SessionGood,
            SessionStatus::Gone | SessionStatus::NoSite => Input::SessionGone,
            SessionStatus::Unsure => Input::SessionUnsure,
        });
    }

    fn open(&self, id: SocketId) {
        let panel = *self;
        let socket = platform::socket_url(&api::address(&Endpoint::Events)).and_then(|url| {
            let closed = move |code| {
                let socket = panel.driver.try_with_value(|driver| driver.0.borrow_mut().sockets.remove(&id));
                panel.step(Input::Closed(id, code));
                drop(socket);
            };
            Socket::open(&url, move |text| panel.frame(id, &text), closed).ok()
        });
        match socket {
            Some(socket) => {
                self.driver.try_with_value(|driver| driver.0.borrow_mut().sockets.insert(id, socket));
            }
            None => self.step(Input::Closed(id, NEVER_OPENED)),
        }
    }

    fn send(&self, id: SocketId, text: &str) {
        self.driver.try_with_value(|driver| {
            if let Some(socket) = driver.0.borrow().sockets.get(&id) {
                socket.send(text);
            }
        });
    }

    fn frame(&self, id: SocketId, text: &str) {
        if self.driver.try_with_value(|driver| driver.0.borrow().link.knows(id)) != Some(true) {
            return;
        }
        self.step(Input::Frame(id));
        if text == PONG {
            return self.answered(id);
        }
        // Unknown types of frames are ignored, because the edge sends them for newer versions of the panel.
        let Ok(frame) = serde_json::from_str::<ToPanel>(text) else { return };
        if let ToPanel::Snapshot { whoami, .. } = &frame {
            viewer::set_subject(&whoami.sub);
        }
        let about = subject(&frame);
        let applied = self.model.try_update_untracked(|model| {
            let shape = model.shape();
            (model.apply(frame, platform::now_ms()), model.shape() != shape)
        });
        let (update, reshaped) = applied.unzip();
        match (&about, &update) {
            // The panel does not show the progress of a command that has no result yet.
            (Subject::Nothing, _) | (Subject::Command, Some(ModelUpdate::Facts)) => {}
            (Subject::Line(key), _) if reshaped == Some(false) => self.notify(key),
            (Subject::Command, Some(ModelUpdate::Answered(key))) => {
                self.notify(key);
                self.timed.update(|count| *count = count.wrapping_add(1));
            }
            _ => self.model.notify(),
        }
        match update {
            Some(ModelUpdate::Snapshot(life_ms)) => {
                self.step(Input::Snapshot(id, life_ms));
                // This ping measures the round-trip time for the display before the first regular ping is sent.
                self.run(Effect::Ping(id));
                self.flush();
                self.query_status();
            }
            Some(ModelUpdate::Gap) => self.step(Input::Gap),
            Some(ModelUpdate::Answered(key)) => self.announce(&key),
            Some(ModelUpdate::Pressed(key, long)) => {
                self.say(words::line::say_pressed(&key.line, long));
            }
            Some(ModelUpdate::Facts) | None => {}
        }
    }

    /// Sends queued commands on the current socket.
    fn flush(&self) {
        let current = self.driver.try_with_value(|driver| driver.0.borrow().link.current()).flatten();
        let Some(id) = current else { return };
        let now = platform::now_ms();
        let requests = self.model.try_update_untracked(|model| model.to_send(id, now)).unwrap_or_default();
        for request in requests {
            if let Ok(text) = serde_json::to_string(&FromPanel::Command(request)) {
                self.send(id, &text);
            }
        }
    }

    /// Queries the results of unanswered commands from the edge.
    fn query_status(&self) {
        let panel = *self;
        let now = platform::now_ms();
        let ids = self.model.try_update_untracked(|model| model.take_status_queries(now)).unwrap_or_default();
        for id in ids {
            spawn_local(async move {
                let found = api::command(&id).await;
                let update = panel.model.try_update_untracked(|model| match &found {
                    Ok(result) => model.settle_result(result),
                    Err(Failure::Problem(problem)) if problem.status == 404 => {
                        model.command_missing(&id, platform::now_ms())
                    }
                    Err(_) => ModelUpdate::Facts,
                });
                if let Some(ModelUpdate::Answered(key)) = update {
                    panel.notify(&key);
                    panel.announce(&key);
                }
            });
        }
    }

    fn announce(&self, key: &Key) {
        let state = self.model.with_untracked(|model| model.command_state(key));
        if let Some(answer) = state.answer {
            self.say(words::line::say_answer(&key.line, &answer));
        }
    }

    /// Makes screen readers announce a text. If the text equals the previous text, a no-break space is added, because
    /// screen readers announce only changes.
    pub fn say(&self, text: String) {
        self.said.update(|said| *said = if *said == text { format!("{text}\u{a0}") } else { text });
    }
}
