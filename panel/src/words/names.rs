//! The name of the product, and displayed names of devices, lines and sites.

pub use pinlatch_protocol::wording::title;

pub const PRODUCT: &str = "Pinlatch";

/// Returns the title of the browser window: the name of a page or site, then the product name.
pub fn page_title(name: &str) -> String {
    format!("{name} · {PRODUCT}")
}

/// Returns the accessible name of a control, for example `Open, Door`. The second part distinguishes controls that have
/// the same label.
pub fn about(word: &str, name: &str) -> String {
    format!("{word}, {name}")
}
