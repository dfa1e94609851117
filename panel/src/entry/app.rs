//! Selects the screen of the login program, and the page to open after login.

use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;

use super::login::Login;
use super::screen::Screen;
use super::setup::{Invited, SetUp};
use super::shut::Shut;
use crate::session::{self, RETRY_MOST_MS, SessionStatus};
use crate::ui::page;
use crate::ui::starting::Starting;
use crate::visit::{Brought, Visitor};
use crate::words::guest::Closed;
use crate::{api, platform};

/// Replaces the loading page with the first screen. The screen is drawn in a separate task, because the start of the
/// program already blocks a slow phone for a long time.
pub fn mount() {
    Timeout::new(0, draw).forget();
}

fn draw() {
    // The token is read first, because a token must not stay in the URL.
    let token = platform::take_link();
    let brought = platform::take_brought();
    let login_error = platform::take_login_error();
    let ended = platform::take_end();
    page::take(move || view! { <App token brought login_error ended/> });
    // The service worker is registered after mounting, because mounting starts the executor for futures.
    platform::keep_page();
}

#[component]
fn App(
    token: Option<Secret>,
    brought: Option<Brought>,
    login_error: Option<String>,
    /// This value is `true` if the previous session expired, and `false` after a logout.
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
        None if token.is_none() && !platform::is_known_place() => screen.set(Screen::Shut(Closed::NoPage)),
        None => start(token),
    }
    // If a person opens a link in a tab that already shows the panel, only the fragment of the URL changes. The browser
    // then does not reload the page.
    let shown = StoredValue::new(platform::visitor());
    let _ = window_event_listener_untyped("hashchange", move |_| {
        if screen.with_untracked(|screen| *screen == Screen::In) {
            // The board has replaced the login program, so the page must be reloaded.
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
    // The browser also does not reload the page when a person goes back from a guest's page to the page of the login.
    let _ = window_event_listener_untyped("popstate", move |_| {
        if platform::visitor() != shown.get_value() {
            platform::reload();
        }
    });
    // The error is shown only once, so that a later login page does not show the error again.
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

/// Determines the screen. A refusal is shown only after the edge has answered. If the edge cannot be reached, the call
/// is repeated. The token of a guest link is dropped when this function returns. The result is ignored if `latest`
/// returns `false`.
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
                SessionStatus::NoSite => {
                    Some(Screen::Shut(Closed::NoSite(platform::site().map(String::from).unwrap_or_default())))
                }
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

/// Exchanges the token of a guest link for a cookie. Returns `None` if the edge could not be reached or reported a
/// temporary failure.
async fn open_link(token: &Secret) -> Option<Screen> {
    match api::open_link(token).await {
        Ok(site) => {
            platform::show_address(&Visitor::Guest.page(Some(&site)));
            Some(Screen::In)
        }
        Err(api::Failure::Problem(problem)) if !api::is_passing(problem.status) => {
            Some(Screen::Shut(Closed::of(problem)))
        }
        Err(_) => None,
    }
}
