//! Selects the administration page to show after the session was checked.

use gloo_timers::future::TimeoutFuture;
use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::name::Name;

use super::page::{self, Page};
use super::pages::account::Account;
use super::pages::activity::Activity;
use super::pages::device::Device;
use super::pages::devices::Devices;
use super::pages::inspector::Inspector;
use super::pages::people::People;
use super::pages::tokens::Tokens;
use super::parts::bar::{Bar, Ended};
use super::parts::frame::Frame;
use super::parts::heading::Heading;
use super::parts::proof::Proof;
use super::{browser, words};
use crate::parts::other_login::OtherLogin;
use crate::session::{self, RETRY_MOST_MS, Session, SessionStatus};
use crate::ui;
use crate::ui::skip::MAIN;
use crate::ui::starting::Starting;

/// Draws the administration page in place of the loading page.
pub fn mount() {
    let Some((site, page)) = Page::parse(&browser::path()) else { return browser::leave("/") };
    ui::page::take(move || view! { <App site page/> });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Starting { trouble: bool },
    Leaving,
    Pages,
}

/// Checks the session repeatedly until the edge answers. The browser opens the login page only after the edge has
/// reported that there is no session.
async fn start(session: RwSignal<Session>) {
    let mut wait = 500;
    loop {
        match session::resume().await {
            SessionStatus::Good => return session.set(Session::Control),
            // The login page reports that the site does not exist.
            SessionStatus::Gone | SessionStatus::NoSite => {
                return session.set(Session::Over { ended: false });
            }
            SessionStatus::Unsure => session.set(Session::Starting { trouble: true }),
        }
        TimeoutFuture::new(wait).await;
        wait = RETRY_MOST_MS.min(wait * 2);
    }
}

#[component]
fn App(site: Name, page: Page) -> impl IntoView {
    let session = RwSignal::new(Session::Starting { trouble: false });
    spawn_local(start(session));
    let shown = Memo::new(move |_| match session.get() {
        Session::Starting { trouble } => Shown::Starting { trouble },
        // The page stays open, so that its input is kept while the person logs in again in another tab.
        Session::Control | Session::Over { ended: true } => Shown::Pages,
        _ => Shown::Leaving,
    });
    let site = StoredValue::new(site);
    let page = RwSignal::new(page);
    Effect::new(move |_| {
        if shown.get() == Shown::Leaving {
            browser::leave(&page::sign_in(&site.get_value(), &browser::path()));
        }
    });
    let _ = window_event_listener_untyped("popstate", move |_| {
        if let Some((_, there)) = Page::parse(&browser::path()) {
            page.set(there);
        }
    });
    move || match shown.get() {
        Shown::Starting { trouble } => view! { <Starting trouble/> }.into_any(),
        Shown::Leaving => view! { <Starting trouble=false/> }.into_any(),
        Shown::Pages => view! { <Pages site=site.get_value() page session/> }.into_any(),
    }
}

/// Shows the selected page for a logged-in person.
#[component]
fn Pages(site: Name, page: RwSignal<Page>, session: RwSignal<Session>) -> impl IntoView {
    let frame = Frame::start(site, page, session);
    provide_context(frame);
    let allowed = Memo::new(move |_| frame.rights.with(|rights| rights.shows(&page.get())));
    view! {
        <Bar/>
        <Ended/>
        {frame.panel.is_other_login.then(|| view! { <OtherLogin/> })}
        {move || {
            let page = page.get();
            if !frame.is_filled.get() {
                return view! { <Waiting/> }.into_any();
            }
            if !allowed.get() {
                return view! { <Plain page text=words::NOT_YOURS/> }.into_any();
            }
            match page {
                Page::Devices => view! { <Devices/> }.into_any(),
                Page::Device(name) => view! { <Device name/> }.into_any(),
                Page::People => view! { <People/> }.into_any(),
                Page::Tokens => view! { <Tokens/> }.into_any(),
                Page::Activity => view! { <Activity/> }.into_any(),
                Page::Inspector => view! { <Inspector/> }.into_any(),
                Page::Account => view! { <Account/> }.into_any(),
                page @ Page::Unknown => view! { <Plain page text=words::NO_PAGE/> }.into_any(),
            }
        }}
        <Proof/>
        <p class="unseen" aria-live="polite" data-testid="said">{move || frame.panel.said.get()}</p>
    }
}

/// Shows a placeholder until the viewer's permissions are known.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <main id=MAIN class="manage" aria-busy="true">
            <p class="quiet-text" role="status">{words::LOADING}</p>
        </main>
    }
}

#[component]
fn Plain(page: Page, text: &'static str) -> impl IntoView {
    view! {
        <main id=MAIN class="manage">
            <Heading page/>
            <p class="plate plate-text" data-testid="plain">{text}</p>
        </main>
    }
}
