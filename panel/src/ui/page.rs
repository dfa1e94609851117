//! Mounts a view in the page.

use leptos::mount::mount_to;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Replaces the content of `#app` with a view. The view is mounted for the lifetime of the page.
pub fn take<V: IntoView + 'static>(view: impl FnOnce() -> V + 'static) {
    let root = document().get_element_by_id("app").and_then(|root| root.dyn_into().ok());
    if let Some(root) = root {
        let root: web_sys::HtmlElement = root;
        root.replace_children_with_node_0();
        mount_to(root, view).forget();
    }
}
