//! Which way in is shown, and what comes after it.

use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;

use super::login::Login;
use super::setup::{Invited, SetUp};
use super::shut::Shut;
use crate::session::{self, RETRY_MOST_MS, SessionStatus};
use crate::ui::page;
use crate::ui::starting::Starting;
use crate::visit::{Brought, Visitor};
use crate::words::guest::Closed;
use crate::{api, platform};

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// It is not known yet who comes; `trouble` once the edge could not be reached.
    Starting {
        /// Whether to say that it takes long.
        trouble: bool,
    },
    /// Nobody is logged in; `ended` where somebody was.
    LogIn {
        /// Whether to say that the session has ended.
        ended: bool,
    },
    /// The site's owner is to be made, by a code that may have come in the address.
    SetUp(Option<Secret>),
    /// Somebody who was invited is to choose a password.
    Invited(Secret),
    /// A guest link does not open anything (any more).
    Shut(Closed),
    /// Somebody is in: the board comes.
    In,
    /// Somebody is in, and goes where they wanted to.
    Leaving(String),
}

impl Screen {
    /// What comes after a login.
    pub fn entered() -> Self {
        platform::take_way().map_or(Self::In, Self::Leaving)
    }

    /// What an address asks for that brought something.
    fn of_brought(brought: Brought) -> Self {
        match brought {
            Brought::Setup(code) => Self::SetUp(code),
            Brought::Invitation(code) => Self::Invited(code),
        }
    }

    /// What somebody sees without a session; whether they had one and it ended, or they left it,
    /// the board has noted.
    fn without_session(ended: Option<bool>) -> Self {
        match platform::visitor() {
            Visitor::Person => Self::LogIn { ended: ended == Some(true) },
            Visitor::Guest if ended == Some(false) => Self::Shut(Closed::Left),
            Visitor::Guest => Self::Shut(Closed::Ended),
        }
    }
}

/// Takes over the page, in place of what it shows while it loads: in a task of its own, since to instantiate the
/// program has kept a slow phone long enough.
pub fn mount() {
    Timeout::new(0, draw).forget();
}

fn draw() {
    // Before anything else: a token is no thing to stand in an address.
    let token = platform::take_link();
    let brought = platform::take_brought();
    let login_error = platform::take_login_error();
    let ended = platform::take_end();
    page::take(move || view! { <App token brought login_error ended/> });
    // After that: mounting brings what runs futures.
    platform::keep_page();
}

#[component]
fn App(
    token: Option<Secret>,
    brought: Option<Brought>,
    login_error: Option<String>,
    /// Whether a session ended by itself before this page, or was left.
    ended: Option<bool>,
) -> impl IntoView {
    let screen = RwSignal::new(Screen::Starting { trouble: false });
    let started = StoredValue::new(0u32);
    let start = move |token| {
        started.update_value(|started| *started += 1);
        let mine = started.get_value();
        screen.set(Screen::Starting { trouble: false });
        spawn_local(find_out(screen, token, ended, move || started.get_value() == mine));
    };
    match brought {
        Some(brought) => screen.set(Screen::of_brought(brought)),
        None => start(token),
    }
    // A link that is opened in a tab of the panel changes the fragment only, and nothing is loaded.
    let shown = StoredValue::new(platform::visitor());
    let _ = window_event_listener_untyped("hashchange", move |_| {
        if screen.with_untracked(|screen| *screen == Screen::In) {
            // The page is the board's by now.
            if platform::has_brought() {
                platform::reload();
            }
        } else if let Some(token) = platform::take_link() {
            shown.set_value(platform::visitor());
            start(Some(token));
        } else if let Some(brought) = platform::take_brought() {
            screen.set(Screen::of_brought(brought));
        }
    });
    // Nor when somebody goes back from there, to the page of their login.
    let _ = window_event_listener_untyped("popstate", move |_| {
        if platform::visitor() != shown.get_value() {
            platform::reload();
        }
    });
    // Said once: whoever logs out later has another login before them.
    let login_error = StoredValue::new(login_error);
    move || match screen.get() {
        Screen::Starting { trouble } => view! { <Starting trouble/> }.into_any(),
        Screen::LogIn { ended } => {
            let login_error = login_error.try_update_value(Option::take).flatten();
            view! { <Login screen ended login_error/> }.into_any()
        }
        Screen::SetUp(code) => view! { <SetUp screen code/> }.into_any(),
        Screen::Invited(code) => view! { <Invited screen code/> }.into_any(),
        Screen::Shut(closed) => view! { <Shut closed/> }.into_any(),
        Screen::In => {
            platform::hand_over();
            view! { <Starting trouble=false/> }.into_any()
        }
        Screen::Leaving(way) => {
            platform::go(&way);
            view! { <Starting trouble=false/> }.into_any()
        }
    }
}

/// Finds out which screen to show; nothing that closes the door is shown before that is certain. The token of
/// a guest link lives no longer than this call, which is in vain once it is not the `latest` any more.
async fn find_out(
    screen: RwSignal<Screen>,
    token: Option<Secret>,
    ended: Option<bool>,
    latest: impl Fn() -> bool,
) {
    let mut wait = 500;
    loop {
        let found = match &token {
            Some(token) => open_link(token).await,
            None => match session::resume().await {
                SessionStatus::Good if platform::visitor() == Visitor::Person => Some(Screen::entered()),
                SessionStatus::Good => Some(Screen::In),
                SessionStatus::Gone => Some(Screen::without_session(ended)),
                SessionStatus::Unsure => None,
            },
        };
        if !latest() {
            return;
        }
        match found {
            Some(found) => return screen.set(found),
            None => screen.set(Screen::Starting { trouble: true }),
        }
        TimeoutFuture::new(wait).await;
        wait = RETRY_MOST_MS.min(wait * 2);
    }
}

/// Exchanges a guest link for its cookie; `None` where the edge could not be asked.
async fn open_link(token: &Secret) -> Option<Screen> {
    match api::open_link(token).await {
        Ok((site, from)) => {
            platform::keep_beginning(from);
            platform::show_address(&Visitor::Guest.page(Some(&site)));
            Some(Screen::In)
        }
        Err(api::Failure::Problem(problem)) if !api::is_passing(problem.status) => {
            Some(Screen::Shut(Closed::of(problem)))
        }
        Err(_) => None,
    }
}
