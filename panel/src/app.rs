//! The panel's three screens, and how they take over the page.

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use crate::pages::control::Control;
use crate::pages::login::Login;
use crate::pages::starting::Starting;
use crate::session::{self, Session};

/// Mounts the panel in the page's `#app`, in place of what the page shows while it loads.
pub fn mount() {
    let root = document().get_element_by_id("app").and_then(|root| root.dyn_into().ok());
    if let Some(root) = root {
        let root: web_sys::HtmlElement = root;
        root.set_inner_html("");
        mount_to(root, App).forget();
    }
}

#[component]
fn App() -> impl IntoView {
    let session = RwSignal::new(Session::Starting { trouble: false });
    spawn_local(session::start(session));
    move || match session.get() {
        Session::Starting { trouble } => view! { <Starting trouble/> }.into_any(),
        Session::LogIn { ended } => view! { <Login session ended/> }.into_any(),
        Session::Control => view! { <Control session/> }.into_any(),
    }
}
