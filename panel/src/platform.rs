//! What the panel takes from the browser besides HTTP and sockets.

use js_sys::Date;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use wasm_bindgen::JsValue;
use web_sys::{Storage, VisibilityState};

use crate::api;
use crate::prefs::Theme;
use crate::visit::{self, Brought, Visitor};
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
        second: date.get_seconds(),
    }
}

/// A clock for short spans, milliseconds, which nobody sets.
pub fn span_ms() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
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

/// Takes what the fragment brings out of the address.
pub fn take_brought() -> Option<Brought> {
    let location = web_sys::window()?.location();
    let brought = visit::brought(&location.hash().ok()?)?;
    show_address(&format!("{}{}", location.pathname().ok()?, location.search().ok()?));
    Some(brought)
}

/// Where the way back is kept while a login provider has the browser.
const WAY: &str = "pinlatch.to";

/// Whether the fragment brings anything.
pub fn has_brought() -> bool {
    let fragment = web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default();
    visit::token(&fragment).is_some() || visit::brought(&fragment).is_some()
}

/// What this tab keeps until the browser is closed. Where it keeps nothing, less is said.
fn kept() -> Option<Storage> {
    web_sys::window()?.session_storage().ok()?
}

fn take_kept(name: &str) -> Option<String> {
    let kept = kept()?;
    let text = kept.get_item(name).ok()?;
    let _ = kept.remove_item(name);
    text
}

/// Where it is kept how a session ended.
const END: &str = "pinlatch.end";

/// Keeps whether the session ended by itself or was left, over the reload that shows the ways in.
pub fn keep_end(ended: bool) {
    if let Some(kept) = kept() {
        let _ = kept.set_item(END, if ended { "ended" } else { "left" });
    }
}

/// Whether a session ended by itself before this page, or was left: once.
pub fn take_end() -> Option<bool> {
    take_kept(END).map(|text| text == "ended")
}

/// Where it is kept from when the guest link is valid.
const BEGINNING: &str = "pinlatch.from";

/// Keeps from when the guest link is valid, seconds of Unix time.
pub fn keep_beginning(from: Option<u64>) {
    if let Some(kept) = kept() {
        let _ = match from {
            Some(from) => kept.set_item(BEGINNING, &from.to_string()),
            None => kept.remove_item(BEGINNING),
        };
    }
}

/// From when the guest link is valid that was opened in this tab, seconds of Unix time.
pub fn beginning() -> Option<u64> {
    kept()?.get_item(BEGINNING).ok()??.parse().ok()
}

/// Has `boot.js` load the board in this program's place.
pub fn hand_over() {
    if let (Some(window), Ok(event)) = (web_sys::window(), web_sys::Event::new("pinlatch:in")) {
        let _ = window.dispatch_event(&event);
    }
}

fn way() -> Option<String> {
    visit::way_back(&web_sys::window()?.location().search().ok()?, site().as_ref())
}

/// Keeps the way back over the round to a login provider.
pub fn keep_way() {
    if let (Some(way), Some(kept)) = (way(), kept()) {
        let _ = kept.set_item(WAY, &way);
    }
}

/// Where somebody who has logged in wanted to go: once.
pub fn take_way() -> Option<String> {
    let stored = take_kept(WAY);
    way().or_else(|| visit::safe_way(&stored?, site().as_ref()))
}

/// Goes to another page, which takes this one's place in the history.
pub fn go(address: &str) {
    if let Some(window) = web_sys::window() {
        let _ = window.location().replace(address);
    }
}

/// A preference, as it was stored.
pub fn stored(name: &str) -> Option<String> {
    web_sys::window()?.local_storage().ok()??.get_item(name).ok()?
}

/// Stores a preference. Where the browser keeps nothing, it holds until the page is left.
pub fn store(name: &str, text: &str) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.local_storage()) {
        let _ = if text.is_empty() { storage.remove_item(name) } else { storage.set_item(name, text) };
    }
}

/// Where the theme is stored; all sites of a browser have the same.
const THEME: &str = "pinlatch.theme";

/// The theme that was chosen.
pub fn theme() -> Theme {
    Theme::of(stored(THEME).as_deref())
}

/// Dresses the page in a theme, and keeps it for `boot.js`.
pub fn set_theme(theme: Theme) {
    store(THEME, if theme == Theme::System { "" } else { theme.mark() });
    let page = web_sys::window().and_then(|window| window.document()?.document_element());
    if let Some(page) = page {
        let _ = page.set_attribute("data-theme", theme.mark());
    }
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

/// Has the browser keep the page, so that it opens without network. Where it cannot, nothing is lost.
pub fn keep_page() {
    let Some(navigator) = web_sys::window().map(|window| window.navigator()) else { return };
    // Missing where a page is served without TLS.
    if js_sys::Reflect::get(&navigator, &"serviceWorker".into()).is_ok_and(|keeper| !keeper.is_undefined()) {
        let registered = navigator.service_worker().register("/sw.js");
        spawn_local(async move { drop(wasm_bindgen_futures::JsFuture::from(registered).await) });
    }
}

/// Whether the server has another version of the page than this one, which goes by its script's name.
pub async fn is_replaced() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    let script = document.and_then(|document| document.query_selector("script[type=module]").ok()?);
    let Some(own) = script.and_then(|script| script.get_attribute("src")) else { return false };
    api::page().await.is_some_and(|page| !page.contains(&own))
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
