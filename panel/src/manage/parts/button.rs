//! The buttons of the administration pages.

use leptos::prelude::*;

use super::doing::Doing;
use crate::manage::words;
use crate::words::about as named;

/// Shows a button that submits a form.
#[component]
pub fn Submit(doing: Doing, text: &'static str, test_id: &'static str) -> impl IntoView {
    view! {
        <button
            class="primary"
            type="submit"
            data-testid=test_id
            aria-busy=move || doing.busy.get().to_string()
            disabled=move || doing.busy.get()
        >
            {move || if doing.busy.get() { words::BUSY } else { text }}
        </button>
    }
}

#[component]
pub fn Button(
    text: &'static str,
    #[prop(into)] test_id: String,
    /// The text that is added to the accessible name. The text is needed because screen readers do not convey the
    /// position of the button.
    #[prop(optional)]
    about: String,
    #[prop(default = "quiet")] class: &'static str,
    #[prop(optional, into)] disabled: Signal<bool>,
    on_press: impl Fn() + 'static,
) -> impl IntoView {
    let label = (!about.is_empty()).then(|| named(text, &about));
    view! {
        <button
            class=class
            type="button"
            data-testid=test_id
            aria-label=label
            disabled=move || disabled.get()
            on:click=move |_| on_press()
        >
            {text}
        </button>
    }
}
