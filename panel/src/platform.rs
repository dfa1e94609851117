//! What the panel takes from the browser besides HTTP and sockets.

use pinlatch_protocol::name::Name;
use web_sys::VisibilityState;

/// The clock, milliseconds of Unix time.
pub fn now_ms() -> u64 {
    js_sys::Date::now() as u64
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

/// The site that the page's path names: `/s/{site}/`.
pub fn site() -> Option<Name> {
    let path = web_sys::window()?.location().pathname().ok()?;
    Name::new(path.strip_prefix("/s/")?.split('/').next()?).ok()
}

/// The address of the event stream, on the page's own origin.
pub fn events_url() -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let query = site().map(|site| format!("?site={site}")).unwrap_or_default();
    Some(format!("{scheme}://{}/api/v1/events{query}", location.host().ok()?))
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
