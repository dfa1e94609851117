//! The heading of an administration page. The heading gets the focus when the page changes, so that screen readers
//! announce the new page.

use leptos::prelude::*;

use super::frame::Frame;
use crate::manage::page::Page;
use crate::manage::words;

/// Shows the heading of a page, and uses the heading in the title of the browser window.
#[component]
pub fn Heading(page: Page) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let node = NodeRef::<leptos::html::H1>::new();
    let text = words::heading(&page);
    document().set_title(&words::window(&text, &frame.site()));
    Effect::new(move |_| {
        if let Some(node) = node.get() {
            let _ = node.focus();
        }
    });
    view! {
        <h1 class="page-head" tabindex="-1" node_ref=node data-testid="heading">
            {text}
        </h1>
    }
}
