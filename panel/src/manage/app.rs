//! Which page is shown, and for whom.

use gloo_timers::future::TimeoutFuture;
use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::name::Name;

use super::page::{self, Page};
use super::pages::activity::Activity;
use super::pages::device::Device;
use super::pages::devices::Devices;
use super::pages::inspector::Inspector;
use super::pages::people::People;
use super::pages::tokens::Tokens;
use super::parts::bar::{Bar, Ended};
use super::parts::frame::Frame;
use super::parts::heading::Heading;
use super::{browser, words};
use crate::session::{self, RETRY_MOST_MS, Session, SessionStatus};
use crate::ui;
use crate::ui::starting::Starting;

/// Mounts the page in the document's `#app`, in place of what that shows while it loads.
pub fn mount() {
    let Some((site, page)) = Page::parse(&browser::path()) else { return browser::leave("/") };
    ui::page::take(move || view! { <App site page/> });
}

/// What is shown while it is not certain who looks, and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Starting { trouble: bool },
    Leaving,
    Pages,
}

/// Finds out whether somebody is logged in; nobody is sent away before that is certain.
async fn start(session: RwSignal<Session>) {
    let mut wait = 500;
    loop {
        match session::resume().await {
            SessionStatus::Good => return session.set(Session::Control),
            SessionStatus::Gone => return session.set(Session::Over { ended: false }),
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
        // What somebody is in the middle of stays while they log in again.
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

/// The pages, for somebody who is logged in.
#[component]
fn Pages(site: Name, page: RwSignal<Page>, session: RwSignal<Session>) -> impl IntoView {
    let frame = Frame::start(site, page, session);
    provide_context(frame);
    let allowed = Memo::new(move |_| frame.rights.with(|rights| rights.shows(&page.get())));
    view! {
        <Bar/>
        <Ended/>
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
                page @ Page::Unknown => view! { <Plain page text=words::NO_PAGE/> }.into_any(),
            }
        }}
        <p class="unseen" aria-live="polite" data-testid="said">{move || frame.panel.said.get()}</p>
    }
}

/// Until it is known who looks.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <main class="manage" aria-busy="true">
            <p class="quiet-text" role="status">{words::LOADING}</p>
        </main>
    }
}

/// A page with one sentence.
#[component]
fn Plain(page: Page, text: &'static str) -> impl IntoView {
    view! {
        <main class="manage">
            <Heading page/>
            <p class="plate plate-text" data-testid="plain">{text}</p>
        </main>
    }
}
