//! What the pages of administration take from the browser besides what the board takes.

use js_sys::{Array, Date, encode_uri_component};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, MouseEvent, Url, Window};

fn window() -> Option<Window> {
    web_sys::window()
}

/// The page's path.
pub fn path() -> String {
    window().and_then(|window| window.location().pathname().ok()).unwrap_or_default()
}

/// The page's query, with its question mark.
pub fn query() -> String {
    window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

/// The page's origin.
pub fn origin() -> String {
    window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}

/// Writes a further address into the history; nothing is loaded.
pub fn go(address: &str) {
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

/// Leaves for another page, which takes this one's place in the history.
pub fn leave(address: &str) {
    if let Some(window) = window() {
        let _ = window.location().replace(address);
    }
}

/// Shows the top of the page.
pub fn scroll_up() {
    if let Some(window) = window() {
        window.scroll_to_with_x_and_y(0.0, 0.0);
    }
}

/// Whether a click is meant for this tab.
pub fn is_plain(event: &MouseEvent) -> bool {
    event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key())
}

/// Puts a text into the clipboard; false where the browser does not let the page.
pub async fn copy(text: &str) -> bool {
    // Without TLS there is no clipboard, whatever its type says.
    let Some(window) = window().filter(Window::is_secure_context) else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}

/// Saves a text as a file.
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
    // The browser has taken the file by then.
    gloo_timers::callback::Timeout::new(10_000, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
    Some(())
}

/// The time that a field of the kind `datetime-local` holds, milliseconds of Unix time.
pub fn local_time(text: &str) -> Option<u64> {
    let ms = Date::new(&JsValue::from_str(text)).get_time();
    (ms.is_finite() && ms >= 0.0).then_some(ms as u64)
}

/// A path's segment.
pub fn segment(text: &str) -> String {
    encode_uri_component(text).into()
}
