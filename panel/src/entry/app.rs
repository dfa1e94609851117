//! Selects the screen, and the page after sign-in.

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// The session is not known yet.
    Starting {
        /// Whether the edge could not be reached.
        trouble: bool,
    },
    LogIn {
        /// Whether to show that the session has ended.
        ended: bool,
    },
    /// Creates the site's owner. The code is present if the address had one.
    SetUp(Option<Secret>),
    /// An invited person chooses a password.
    Invited(Secret),
    /// A guest link gives no access.
    Shut(Closed),
    /// Signed in: the board is loaded.
    In,
    /// Signed in: opens the requested page.
    Leaving(String),
}

impl Screen {
    /// The screen after sign-in.
    pub fn entered() -> Self {
        platform::take_way().map_or(Self::In, Self::Leaving)
    }

    /// The screen for a code in the address.
    fn of_brought(brought: Brought) -> Self {
        match brought {
            Brought::Setup(code) => Self::SetUp(code),
            Brought::Invitation(code) => Self::Invited(code),
        }
    }

    /// The screen without a session. `ended` was stored by the board: `true` for an expired session, `false` after a
    /// sign-out.
    fn without_session(ended: Option<bool>) -> Self {
        match platform::visitor() {
            Visitor::Person => Self::LogIn { ended: ended == Some(true) },
            Visitor::Guest if ended == Some(false) => Self::Shut(Closed::Left),
            Visitor::Guest => Self::Shut(Closed::Ended),
        }
    }
}

/// Replaces the loading page. Drawing runs in a separate task, because instantiating the program already blocks a slow
/// phone for long.
pub fn mount() {
    Timeout::new(0, draw).forget();
}

fn draw() {
    // First of all, because a token must not stay in the address.
    let token = platform::take_link();
    let brought = platform::take_brought();
    let login_error = platform::take_login_error();
    let ended = platform::take_end();
    page::take(move || view! { <App token brought login_error ended/> });
    // After mounting, which starts the executor for futures.
    platform::keep_page();
}

#[component]
fn App(
    token: Option<Secret>,
    brought: Option<Brought>,
    login_error: Option<String>,
    /// `true` if the session before this page expired, `false` after a sign-out.
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
    // A link that is opened in a tab with the panel changes only the fragment, so the page is not reloaded.
    let shown = StoredValue::new(platform::visitor());
    let _ = window_event_listener_untyped("hashchange", move |_| {
        if screen.with_untracked(|screen| *screen == Screen::In) {
            // The board has taken over the page.
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
    // Going back from a guest's page to the login's page does not reload it either.
    let _ = window_event_listener_untyped("popstate", move |_| {
        if platform::visitor() != shown.get_value() {
            platform::reload();
        }
    });
    // Shown only once: a later sign-in page must not show it again.
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

/// Determines the screen. A refusal is shown only when it is certain; until then the edge is asked again. The token of a
/// guest link is dropped with this call. The result is ignored if `latest` is false.
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

/// Exchanges a guest link for its cookie; `None` if the edge could not be reached.
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
