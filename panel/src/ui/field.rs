//! Form fields, each with a label, an input element and an optional hint.

use leptos::html::Input;
use leptos::prelude::*;

use crate::words;

/// Shows a text field. Browsers and password managers use the value of `autocomplete`.
#[component]
pub fn Field(
    label: &'static str,
    name: &'static str,
    testid: &'static str,
    autocomplete: &'static str,
    input: NodeRef<Input>,
    #[prop(optional)] hint: &'static str,
    #[prop(optional)] longest: u16,
    #[prop(optional)] first: bool,
) -> impl IntoView {
    let hinted = format!("{name}-hint");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                node_ref=input
                data-testid=testid
                name=name
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                maxlength=if longest == 0 { 64 } else { longest }.to_string()
                required
                autofocus=first
                aria-describedby=(!hint.is_empty()).then(|| hinted.clone())
            />
            <Hint hint id=hinted/>
        </div>
    }
}

/// Shows the person's own user name in a form with a password. The field cannot be changed, and password managers store
/// its value together with the password.
#[component]
pub fn OwnName(id: &'static str, name: String) -> impl IntoView {
    view! {
        <div class="field own-name">
            <label for=id>{words::YOUR_USER_NAME}</label>
            <input id=id name="username" data-testid="own-name" autocomplete="username" readonly value=name/>
        </div>
    }
}

/// Shows a password field with a button that makes the password visible. The password is read from the input element
/// only when a request is sent.
#[component]
pub fn Password(
    label: &'static str,
    testid: &'static str,
    /// Whether the person chooses a new password.
    #[prop(optional)]
    fresh: bool,
    input: NodeRef<Input>,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    view! {
        <div class="field">
            <label for="password">{label}</label>
            <div class="field-with-button">
                <input
                    id="password"
                    node_ref=input
                    data-testid=testid
                    name="password"
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=if fresh { "new-password" } else { "current-password" }
                    autocapitalize="none"
                    spellcheck="false"
                    maxlength="256"
                    required
                    aria-describedby=(!hint.is_empty()).then_some("password-hint")
                />
                <button
                    type="button"
                    class="quiet"
                    aria-label=words::SHOW_PASSWORD
                    aria-pressed=move || shown.get().to_string()
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                >
                    {move || if shown.get() { words::SHOW.1 } else { words::SHOW.0 }}
                </button>
            </div>
            <Hint hint id="password-hint".into()/>
        </div>
    }
}

#[component]
fn Hint(hint: &'static str, id: String) -> impl IntoView {
    (!hint.is_empty()).then(|| view! { <p class="hint" id=id>{hint}</p> })
}
