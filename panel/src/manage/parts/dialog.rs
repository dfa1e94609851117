//! The dialogs of the administration pages. The HTML element `dialog` keeps the focus inside the dialog, and restores
//! the focus when the dialog closes.

use leptos::prelude::*;

use super::doing::{Doing, Failed, Work};
use crate::manage::words;
use crate::ui::icon::{Icon, IconKind};

/// Closes the surrounding dialog. Each dialog provides a `Closer` as a context.
#[derive(Clone, Copy)]
pub struct Closer(NodeRef<leptos::html::Dialog>);

impl Closer {
    pub fn close(&self) {
        if let Some(dialog) = self.0.get_untracked() {
            dialog.close();
        }
    }
}

/// Shows a dialog, which opens when it is mounted. `on_close` must remove the dialog from the page.
#[component]
pub fn Dialog(
    #[prop(into)] title: String,
    test_id: &'static str,
    #[prop(into)] on_close: Callback<()>,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::new();
    let closer = Closer(node);
    provide_context(closer);
    Effect::new(move |_| {
        if let Some(dialog) = node.get() {
            let dialog: web_sys::HtmlDialogElement = dialog;
            if !dialog.open() {
                let _ = dialog.show_modal();
            }
        }
    });
    let heading = format!("{test_id}-title");
    let labelled = heading.clone();
    view! {
        <dialog
            class="sheet"
            node_ref=node
            data-testid=test_id
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
                    on:click=move |_| closer.close()
                >
                    <Icon kind=IconKind::Close/>
                </button>
            </div>
            {children()}
        </dialog>
    }
}

/// Shows a dialog that asks for confirmation before an action that is difficult to undo.
#[component]
pub fn Confirm(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    word: &'static str,
    test_id: &'static str,
    work: impl Fn() -> Work<()> + 'static,
    #[prop(into)] done: Callback<()>,
    #[prop(into)] on_close: Callback<()>,
) -> impl IntoView {
    let work = StoredValue::new_local(Box::new(work) as Box<dyn Fn() -> Work<()>>);
    view! {
        <Dialog title test_id on_close>
            <Question text word work done/>
        </Dialog>
    }
}

#[component]
fn Question(
    text: String,
    word: &'static str,
    work: StoredValue<Box<dyn Fn() -> Work<()>>, LocalStorage>,
    done: Callback<()>,
) -> impl IntoView {
    let closer = expect_context::<Closer>();
    let doing = Doing::write();
    let go = move |_| {
        doing.run(work.with_value(|work| work()), move |()| {
            closer.close();
            done.run(());
        });
    };
    view! {
        <p class="sheet-text">{text}</p>
        <Failed doing/>
        <div class="sheet-foot">
            <button class="quiet" type="button" data-testid="cancel" autofocus on:click=move |_| closer.close()>
                {words::CANCEL}
            </button>
            <button
                class="primary danger"
                type="button"
                data-testid="confirm"
                aria-busy=move || doing.busy.get().to_string()
                disabled=move || doing.busy.get()
                on:click=go
            >
                {move || if doing.busy.get() { words::BUSY } else { word }}
            </button>
        </div>
    }
}
