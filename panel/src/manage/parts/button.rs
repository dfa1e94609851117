//! The button of the administration pages.

use leptos::prelude::*;

use crate::words::about as named;

#[component]
pub fn Button(
    text: &'static str,
    #[prop(into)] test_id: String,
    /// The text that is added to the accessible name. The text is needed because screen readers do not convey the
    /// position of the button.
    #[prop(optional)]
    about: String,
    #[prop(default = "quiet")] class: &'static str,
    on_press: impl Fn() + 'static,
) -> impl IntoView {
    let label = (!about.is_empty()).then(|| named(text, &about));
    view! {
        <button
            class=class
            type="button"
            data-testid=test_id
            aria-label=label
            on:click=move |_| on_press()
        >
            {text}
        </button>
    }
}
