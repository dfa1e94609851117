//! Functions that call browser APIs, and that only the administration pages use.

use js_sys::{Array, Date, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, MouseEvent, Node, Url, Window};

fn window() -> Option<Window> {
    web_sys::window()
}

pub fn path() -> String {
    window().and_then(|window| window.location().pathname().ok()).unwrap_or_default()
}

/// Returns the query of the page's URL, including the question mark.
pub fn query() -> String {
    window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

pub fn origin() -> String {
    window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}

/// Adds a URL to the history without loading the URL.
pub fn go(address: &str) {
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

/// Opens another page. The other page replaces the current page in the history.
pub fn leave(address: &str) {
    if let Some(window) = window() {
        let _ = window.location().replace(address);
    }
}

pub fn scroll_up() {
    if let Some(window) = window() {
        window.scroll_to_with_x_and_y(0.0, 0.0);
    }
}

/// Whether a click opens a link in this tab, which requires the main mouse button and no modifier key.
pub fn is_plain(event: &MouseEvent) -> bool {
    event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key())
}

/// Returns the function with which a phone offers its programs for sharing. Many desktop browsers do not have it.
fn sharing() -> Option<(JsValue, Function)> {
    let navigator: JsValue = window()?.navigator().into();
    let share = Reflect::get(&navigator, &"share".into()).ok()?.dyn_into().ok()?;
    Some((navigator, share))
}

pub fn can_share() -> bool {
    sharing().is_some()
}

/// Offers a URL to the programs of the phone. The person can also cancel.
pub async fn share(url: &str) -> Option<()> {
    let (navigator, share) = sharing()?;
    let data = Object::new();
    Reflect::set(&data, &"url".into(), &url.into()).ok()?;
    let shared: Promise = share.call1(&navigator, &data).ok()?.dyn_into().ok()?;
    JsFuture::from(shared).await.ok().map(drop)
}

/// Selects the text of an element, so that the person can copy it.
pub fn select(element: &Node) {
    if let Some(Ok(Some(selection))) = window().map(|window| window.get_selection()) {
        let _ = selection.select_all_children(element);
    }
}

/// Copies a text to the clipboard. Returns `false` if the browser denies access to the clipboard.
pub async fn copy(text: &str) -> bool {
    // On a page without TLS the clipboard is undefined, although its Rust type is not optional.
    let Some(window) = window().filter(Window::is_secure_context) else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}

/// The media type of a token (RFC 7519 §10.3.1).
pub const JWT: &str = "application/jwt";

pub fn save(name: &str, media_type: &str, text: &str) -> Option<()> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let blob =
        Blob::new_with_str_sequence_and_options(&Array::of1(&JsValue::from_str(text)), &options).ok()?;
    let url = Url::create_object_url_with_blob(&blob).ok()?;
    let link: HtmlAnchorElement = window()?.document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&url);
    link.set_download(name);
    link.click();
    // After ten seconds, the browser has saved the file, so the URL is no longer needed.
    gloo_timers::callback::Timeout::new(10_000, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
    Some(())
}

/// Converts the value of a `datetime-local` field to milliseconds of Unix time.
pub fn local_time(text: &str) -> Option<u64> {
    let ms = Date::new(&JsValue::from_str(text)).get_time();
    (ms.is_finite() && ms >= 0.0).then_some(ms as u64)
}
