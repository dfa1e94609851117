//! The form fields of the administration pages.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlTextAreaElement};

use crate::manage::words;

#[component]
pub fn Field(
    label: &'static str,
    /// The id of the input element, which is also its `data-testid`.
    id: &'static str,
    value: RwSignal<String>,
    #[prop(optional)] hint: &'static str,
    #[prop(default = "text")] kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(default = 256)] max: u32,
    #[prop(optional)] list: Option<&'static str>,
    #[prop(optional)] first: bool,
) -> impl IntoView {
    let hint_id = (!hint.is_empty()).then(|| format!("{id}-hint"));
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                id=id
                data-testid=id
                type=kind
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                maxlength=max
                list=list
                autofocus=first
                aria-describedby=hint_id.clone()
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
            {hint_id.map(|hint_id| view! { <p class="hint" id=hint_id>{hint}</p> })}
        </div>
    }
}

/// A field for a long technical text, for example a token.
#[component]
pub fn Area(
    label: &'static str,
    /// The id of the text area, which is also its `data-testid`.
    id: &'static str,
    value: RwSignal<String>,
    hint: &'static str,
    rows: u8,
    /// The error message, which is empty if the text is valid.
    #[prop(optional, into)]
    wrong: Option<Signal<String>>,
    /// Whether the page must not keep the text. A refused text is removed from the field at once.
    #[prop(optional, into)]
    refuses: Option<Callback<String, bool>>,
) -> impl IntoView {
    let hint_id = format!("{id}-hint");
    let input = move |event| {
        let text = event_target_value(&event);
        if refuses.is_some_and(|refuses| refuses.run(text.clone())) {
            // The signal may be empty already, and would then not change the field.
            event_target::<HtmlTextAreaElement>(&event).set_value("");
            value.set(String::new());
        } else {
            value.set(text);
        }
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <textarea
                id=id
                data-testid=id
                class="mono"
                rows=rows
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=hint_id.clone()
                prop:value=move || value.get()
                on:input=input
            ></textarea>
            <p class="hint" id=hint_id>{hint}</p>
            {wrong
                .map(|wrong| view! {
                    <p class="wrong" role="alert" data-testid=format!("{id}-wrong")>{move || wrong.get()}</p>
                })}
        </div>
    }
}

/// Offers a valid name while the field with this id contains a text that is not a valid name.
#[component]
pub fn Suggestion(
    field: &'static str,
    value: RwSignal<String>,
    suggest: fn(&str) -> Option<String>,
) -> impl IntoView {
    let offered = Memo::new(move |_| value.with(|text| suggest(text.trim())));
    let take = move |name: String| {
        value.set(name);
        let input =
            document().get_element_by_id(field).and_then(|field| field.dyn_into::<HtmlElement>().ok());
        let _ = input.map(|input| input.focus());
    };
    move || {
        offered.get().map(|name| {
            let label = words::use_name(&name);
            view! {
                <button
                    class="quiet suggestion"
                    type="button"
                    data-testid="suggestion"
                    on:click=move |_| take(name.clone())
                >
                    {label}
                </button>
            }
        })
    }
}

#[component]
pub fn Select(
    label: &'static str,
    id: &'static str,
    value: RwSignal<String>,
    /// The value and the label of each option.
    options: Vec<(String, String)>,
) -> impl IntoView {
    let options = options.into_iter().map(|(mark, text)| {
        let own = mark.clone();
        view! {
            <option value=mark selected=move || value.with(|value| *value == own)>
                {text}
            </option>
        }
    });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select id=id data-testid=id on:change=move |event| value.set(event_target_value(&event))>
                {options.collect::<Vec<_>>()}
            </select>
        </div>
    }
}

#[component]
pub fn Radio(
    name: &'static str,
    value: RwSignal<String>,
    mark: &'static str,
    label: &'static str,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    view! {
        <label class="radio">
            <input
                type="radio"
                name=name
                value=mark
                data-testid=format!("{name}-{mark}")
                prop:checked=move || value.with(|value| value == mark)
                on:change=move |_| value.set(mark.into())
            />
            <span>
                <strong>{label}</strong>
                <span class="hint">{hint}</span>
            </span>
        </label>
    }
}
