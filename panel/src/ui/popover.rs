//! Menus that the browser shows above the page (the attribute `popover`).

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Hides a menu. The focus returns to the button that opened the menu.
pub fn hide(id: &str) {
    let menu = document().get_element_by_id(id).and_then(|menu| menu.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(menu) = menu {
        // A menu that is already hidden stays hidden.
        let _ = menu.hide_popover();
    }
}
