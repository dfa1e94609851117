//! The confirmation dialog of the board.

use leptos::html::Dialog;
use leptos::prelude::*;

use crate::words;

/// The contents of a confirmation dialog, and the action that runs after confirmation.
#[derive(Clone)]
pub struct Question {
    pub title: String,
    pub text: String,
    /// The label of the confirm button.
    pub yes: String,
    /// The action that runs when the person confirms.
    pub act: Callback<()>,
}

/// Shows a dialog while `question` is set. The Escape key cancels the dialog. The cancel button has the initial focus.
#[component]
pub fn Confirm(question: RwSignal<Option<Question>>) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let asked = question.with(Option::is_some);
        if let Some(dialog) = dialog.get() {
            match (asked, dialog.open()) {
                (true, false) => {
                    let _ = dialog.show_modal();
                }
                (false, true) => dialog.close(),
                _ => {}
            }
        }
    });
    let answer = move |yes: bool| {
        let asked = question.try_update(Option::take).flatten();
        if let Some(asked) = asked.filter(|_| yes) {
            asked.act.run(());
        }
    };
    let word = move |part: fn(&Question) -> &String| {
        move || question.with(|asked| asked.as_ref().map(|asked| part(asked).clone()))
    };
    view! {
        <dialog
            node_ref=dialog
            class="dialog plate"
            data-testid="confirm"
            aria-labelledby="confirm-title"
            aria-describedby="confirm-text"
            on:close=move |_| answer(false)
        >
            <h2 id="confirm-title">{word(|asked| &asked.title)}</h2>
            <p id="confirm-text">{word(|asked| &asked.text)}</p>
            <div class="dialog-answers">
                <button type="button" class="quiet" data-testid="confirm-no" autofocus on:click=move |_| answer(false)>
                    {words::CANCEL}
                </button>
                <button type="button" class="primary" data-testid="confirm-yes" on:click=move |_| answer(true)>
                    {word(|asked| &asked.yes)}
                </button>
            </div>
        </dialog>
    }
}
