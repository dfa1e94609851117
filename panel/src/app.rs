//! The panel's screens, and how they take over the page.

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;
use wasm_bindgen::JsCast;

use crate::pages::control::Control;
use crate::pages::login::Login;
use crate::pages::setup::{Invited, SetUp};
use crate::pages::shut::Shut;
use crate::pages::starting::Starting;
use crate::platform;
use crate::session::{self, Opened, Session};
use crate::visit::Brought;

/// Mounts the panel in the page's `#app`, in place of what the page shows while it loads.
pub fn mount() {
    // Before anything else: a token is no thing to stand in an address.
    let token = platform::take_link();
    let brought = platform::take_brought();
    platform::show_theme(platform::theme());
    let login_error = platform::take_login_error();
    let root = document().get_element_by_id("app").and_then(|root| root.dyn_into().ok());
    if let Some(root) = root {
        let root: web_sys::HtmlElement = root;
        root.set_inner_html("");
        mount_to(root, || view! { <App token brought login_error/> }).forget();
        // After that: mounting brings what runs futures.
        platform::keep_page();
    }
}

#[component]
fn App(token: Option<Secret>, brought: Option<Brought>, login_error: Option<String>) -> impl IntoView {
    let session = RwSignal::new(Session::Starting { trouble: false });
    let opened = Opened(RwSignal::new(None));
    provide_context(opened);
    let started = StoredValue::new(0u32);
    let start = move |token| {
        started.update_value(|started| *started += 1);
        let mine = started.get_value();
        session.set(Session::Starting { trouble: false });
        spawn_local(session::start(session, token, opened, move || started.get_value() == mine));
    };
    match brought {
        Some(brought) => session.set(Session::of_brought(brought)),
        None => start(token),
    }
    // Said once: whoever logs out later has another login before them.
    let login_error = StoredValue::new(login_error);
    let shown = StoredValue::new(platform::visitor());
    // A link that is opened in a tab of the panel changes the fragment only, and nothing is loaded.
    let _ = window_event_listener_untyped("hashchange", move |_| {
        if let Some(token) = platform::take_link() {
            shown.set_value(platform::visitor());
            start(Some(token));
        } else if let Some(brought) = platform::take_brought() {
            session.set(Session::of_brought(brought));
        }
    });
    // Nor when somebody goes back from there, to the page of their login.
    let _ = window_event_listener_untyped("popstate", move |_| {
        if platform::visitor() != shown.get_value() {
            platform::reload();
        }
    });
    move || match session.get() {
        Session::Starting { trouble } => view! { <Starting trouble/> }.into_any(),
        Session::LogIn { ended } => {
            let login_error = login_error.try_update_value(Option::take).flatten();
            view! { <Login session ended login_error/> }.into_any()
        }
        Session::SetUp(code) => view! { <SetUp session code/> }.into_any(),
        Session::Invited(code) => view! { <Invited session code/> }.into_any(),
        Session::Leaving(way) => {
            platform::go(&way);
            view! { <Starting trouble=false/> }.into_any()
        }
        Session::Control => view! { <Control session/> }.into_any(),
        Session::Shut(closed) => view! { <Shut closed/> }.into_any(),
    }
}
