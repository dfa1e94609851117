//! The frame of a dialog: a heading and a button that closes the dialog. The HTML element `dialog` keeps the focus
//! inside the dialog, and restores the focus when the dialog closes.

use leptos::prelude::*;

use crate::manage::words;
use crate::ui::icon::{Icon, IconKind};

/// Shows a dialog, which opens when it is mounted. `on_close` must remove the dialog from the page.
#[component]
pub fn Sheet(
    #[prop(into)] title: String,
    /// The first part of the `data-testid` of the dialog.
    mark: &'static str,
    node: NodeRef<leptos::html::Dialog>,
    on_close: Callback<()>,
    children: Children,
) -> impl IntoView {
    Effect::new(move |_| {
        if let Some(dialog) = node.get().filter(|dialog| !dialog.open()) {
            let _ = dialog.show_modal();
        }
    });
    let heading = format!("{mark}-dialog-title");
    let labelled = heading.clone();
    view! {
        <dialog
            class="sheet"
            node_ref=node
            data-testid=format!("{mark}-dialog")
            aria-labelledby=labelled
            on:close=move |_| on_close.run(())
        >
            <div class="sheet-head">
                <h2 id=heading>{title}</h2>
                <button
                    class="dismiss"
                    type="button"
                    aria-label=words::CLOSE
                    data-testid="dialog-close"
                    on:click=move |_| close(node)
                >
                    <Icon kind=IconKind::Close/>
                </button>
            </div>
            {children()}
        </dialog>
    }
}

/// Closes a dialog, which then runs `on_close`.
pub fn close(node: NodeRef<leptos::html::Dialog>) {
    if let Some(dialog) = node.get_untracked() {
        dialog.close();
    }
}
