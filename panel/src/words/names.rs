//! The name of the product, and displayed names of devices, lines and sites.

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

/// Formats a name as a heading. For example, `front-door_2` becomes `Front door 2`.
pub fn title(name: &str) -> String {
    let mut spaced = name.replace(['-', '_'], " ");
    if let Some(first) = spaced.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    spaced
}
