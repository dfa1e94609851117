//! Functions that call browser APIs other than HTTP and WebSockets.

use js_sys::Date;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use wasm_bindgen::JsValue;
use web_sys::{Storage, VisibilityState};

use crate::prefs::Theme;
use crate::visit::{self, Brought, Visitor};
use crate::words::Moment;

/// Returns the current time in milliseconds of Unix time.
pub fn now_ms() -> u64 {
    Date::now() as u64
}

/// Converts milliseconds of Unix time to a date and time in the browser's time zone.
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

/// Returns the time of a monotonic clock, in milliseconds.
pub fn span_ms() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
}

/// Returns a random number from 0 to 1.
pub fn chance() -> f64 {
    js_sys::Math::random()
}

/// Returns a random id for a command. The function `randomUUID` is not used, because it is not available on pages
/// without TLS.
pub fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    web_sys::window()?.crypto().ok()?.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the site in the path of the page's URL.
pub fn site() -> Option<Name> {
    visit::site(&web_sys::window()?.location().pathname().ok()?)
}

/// Whether the path of the page's URL belongs to a page of the panel.
pub fn is_known_place() -> bool {
    web_sys::window()
        .and_then(|window| window.location().pathname().ok())
        .is_none_or(|path| visit::is_place(&path))
}

pub fn visitor() -> Visitor {
    let query = web_sys::window().and_then(|window| window.location().search().ok());
    Visitor::of_query(&query.unwrap_or_default())
}

/// Returns the token of a guest link, and removes the token from the URL and from the history. After this call, the
/// visitor of the page is a guest.
pub fn take_link() -> Option<Secret> {
    let token = visit::token(&web_sys::window()?.location().hash().ok()?)?;
    show_address(&Visitor::Guest.page(site().as_ref()));
    Some(token)
}

/// Returns a setup or invitation code, and removes the code from the URL.
pub fn take_brought() -> Option<Brought> {
    let location = web_sys::window()?.location();
    let brought = visit::brought(&location.hash().ok()?)?;
    show_address(&format!("{}{}", location.pathname().ok()?, location.search().ok()?));
    Some(brought)
}

/// The storage key of the page to open after a login with a provider.
const WAY: &str = "pinlatch.to";

/// Whether the fragment of the URL contains the token of a guest link, a setup code or an invitation code.
pub fn has_brought() -> bool {
    let fragment = web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default();
    visit::token(&fragment).is_some() || visit::brought(&fragment).is_some()
}

/// Returns the session storage of the browser tab. Without session storage, some messages are less specific.
fn kept() -> Option<Storage> {
    web_sys::window()?.session_storage().ok()?
}

fn take_kept(name: &str) -> Option<String> {
    let kept = kept()?;
    let text = kept.get_item(name).ok()?;
    let _ = kept.remove_item(name);
    text
}

/// The storage key of the reason why the session ended.
const END: &str = "pinlatch.end";

/// Stores whether the session expired (`true`) or the person logged out (`false`). The value is read after the page has
/// been reloaded.
pub fn keep_end(ended: bool) {
    if let Some(kept) = kept() {
        let _ = kept.set_item(END, if ended { "ended" } else { "left" });
    }
}

/// Reads and deletes the value that [`keep_end`] stored.
pub fn take_end() -> Option<bool> {
    take_kept(END).map(|text| text == "ended")
}

/// The storage key of the fact that another person logged in.
const OTHER_LOGIN: &str = "pinlatch.other";

/// Loads the page again, because another person has logged in to the site in this browser. [`take_other_login`] then
/// returns `true` once.
pub fn reload_for_other_login() {
    if let Some(kept) = kept() {
        let _ = kept.set_item(OTHER_LOGIN, "1");
    }
    reload();
}

/// Returns whether the page was loaded again because another person has logged in.
pub fn take_other_login() -> bool {
    take_kept(OTHER_LOGIN).is_some()
}

/// Makes `boot.js` replace this program with the board.
pub fn hand_over() {
    if let (Some(window), Ok(event)) = (web_sys::window(), web_sys::Event::new("pinlatch:in")) {
        let _ = window.dispatch_event(&event);
    }
}

fn way() -> Option<String> {
    visit::way_back(&web_sys::window()?.location().search().ok()?, site().as_ref())
}

/// Stores the page to open after a login with a provider.
pub fn keep_way() {
    if let (Some(way), Some(kept)) = (way(), kept()) {
        let _ = kept.set_item(WAY, &way);
    }
}

/// Returns the page to open after login, and deletes the stored page from the storage.
pub fn take_way() -> Option<String> {
    let stored = take_kept(WAY);
    way().or_else(|| visit::safe_way(&stored?, site().as_ref()))
}

/// Opens another page. The other page replaces the current page in the history.
pub fn go(address: &str) {
    if let Some(window) = web_sys::window() {
        let _ = window.location().replace(address);
    }
}

pub fn stored(name: &str) -> Option<String> {
    web_sys::window()?.local_storage().ok()??.get_item(name).ok()?
}

/// Stores a preference. If the browser does not allow storage, the preference is lost when the page is closed.
pub fn store(name: &str, text: &str) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.local_storage()) {
        let _ = if text.is_empty() { storage.remove_item(name) } else { storage.set_item(name, text) };
    }
}

/// The storage key of the theme, which all sites share.
const THEME: &str = "pinlatch.theme";

pub fn theme() -> Theme {
    Theme::of(stored(THEME).as_deref())
}

/// Applies a theme, and stores the theme so that `boot.js` applies it when the page is loaded again.
pub fn set_theme(theme: Theme) {
    store(THEME, if theme == Theme::System { "" } else { theme.mark() });
    let page = web_sys::window().and_then(|window| window.document()?.document_element());
    if let Some(page) = page {
        let _ = page.set_attribute("data-theme", theme.mark());
    }
}

/// Returns the error code of a login provider, and removes the code from the URL. A reload therefore does not show the
/// error again.
pub fn take_login_error() -> Option<String> {
    let location = web_sys::window()?.location();
    let (code, query) = visit::login_error(&location.search().ok()?)?;
    show_address(&format!("{}{query}{}", location.pathname().ok()?, location.hash().ok()?));
    Some(code)
}

/// Replaces the URL of the page without loading the new URL.
pub fn show_address(address: &str) {
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

pub fn reload() {
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// Registers the service worker, so that the page opens without a network connection. A failure is ignored.
pub fn keep_page() {
    let Some(navigator) = web_sys::window().map(|window| window.navigator()) else { return };
    // A service worker is not available on pages without TLS.
    if js_sys::Reflect::get(&navigator, &"serviceWorker".into()).is_ok_and(|keeper| !keeper.is_undefined()) {
        let registered = navigator.service_worker().register("/sw.js");
        spawn_local(async move { drop(wasm_bindgen_futures::JsFuture::from(registered).await) });
    }
}

/// Returns the URL of a WebSocket. `address` contains the path and the query.
pub fn socket_url(address: &str) -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}{address}", location.host().ok()?))
}

pub fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible)
}

pub fn has_network() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}
