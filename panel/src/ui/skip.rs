//! The link with which people who use a keyboard skip the header and the navigation.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::words;

/// The id of the element with the main content of a page.
pub const MAIN: &str = "main";

/// Shows the link while it has the focus. The link moves the focus to the main content. The URL is not changed, because
/// the panel reads the fragment of the URL.
#[component]
pub fn Skip() -> impl IntoView {
    let skip = |event: MouseEvent| {
        event.prevent_default();
        let main = document().get_element_by_id(MAIN).and_then(|main| main.dyn_into().ok());
        if let Some(main) = main {
            let main: web_sys::HtmlElement = main;
            main.set_tab_index(-1);
            let _ = main.focus();
        }
    };
    view! { <a class="skip primary as-button" href=format!("#{MAIN}") data-testid="skip" on:click=skip>{words::SKIP}</a> }
}
