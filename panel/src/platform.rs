//! What the panel takes from the browser besides HTTP and sockets.

use js_sys::Date;
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use wasm_bindgen::JsValue;
use web_sys::VisibilityState;

use crate::visit::{self, Visitor};
use crate::words::Moment;

/// The clock, milliseconds of Unix time.
pub fn now_ms() -> u64 {
    Date::now() as u64
}

/// A time, milliseconds of Unix time, where the browser is.
pub fn moment(ms: u64) -> Moment {
    let date = Date::new(&JsValue::from_f64(ms as f64));
    Moment {
        year: date.get_full_year(),
        month: date.get_month(),
        day: date.get_date(),
        weekday: date.get_day(),
        hour: date.get_hours(),
        minute: date.get_minutes(),
    }
}

/// A number from 0 to 1, to spread attempts.
pub fn chance() -> f64 {
    js_sys::Math::random()
}

/// A fresh id for a command. Not `randomUUID`, which is missing where a page is served without TLS.
pub fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    web_sys::window()?.crypto().ok()?.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The site that the page's path names.
pub fn site() -> Option<Name> {
    visit::site(&web_sys::window()?.location().pathname().ok()?)
}

/// On whose behalf the page calls the edge.
pub fn visitor() -> Visitor {
    let query = web_sys::window().and_then(|window| window.location().search().ok());
    Visitor::of_query(&query.unwrap_or_default())
}

/// Takes a guest link's token out of the address. Neither there nor in the history anything of it is left,
/// and from now on the page is a guest's.
pub fn take_link() -> Option<Secret> {
    let token = visit::token(&web_sys::window()?.location().hash().ok()?)?;
    show_address(&Visitor::Guest.page(site().as_ref()));
    Some(token)
}

/// Takes the code of what went wrong at a login provider out of the address: a reload does not say it again.
pub fn take_login_error() -> Option<String> {
    let location = web_sys::window()?.location();
    let (code, query) = visit::login_error(&location.search().ok()?)?;
    show_address(&format!("{}{query}{}", location.pathname().ok()?, location.hash().ok()?));
    Some(code)
}

/// Writes a path and query in place of the page's address.
pub fn show_address(address: &str) {
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

/// Loads the page again.
pub fn reload() {
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// The address of the event stream, on the page's own origin.
pub fn events_url() -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}{}", location.host().ok()?, visitor().events(site().as_ref())))
}

/// Whether somebody may be looking at the page.
pub fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible)
}

/// Whether the browser believes it has a network.
pub fn has_network() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}
