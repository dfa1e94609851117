//! A text to copy or to share, completely visible at every width. A link is also shown as a QR code. A token that can be
//! saved as a file scrolls, because it fills a small screen.

use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;

use super::frame::Frame;
use crate::manage::{browser, qr, words};

/// Shows a text with buttons. `mark` is the `data-testid` of the text and the start of the other ones.
#[component]
pub fn Copyable(
    /// The accessible name of the text.
    label: &'static str,
    text: Secret,
    mark: &'static str,
    /// Whether the text is a link for another person.
    is_link: bool,
    /// The name of the file in which a token can be saved.
    #[prop(optional)]
    file: Option<String>,
) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let field = NodeRef::<leptos::html::Output>::new();
    let said = RwSignal::new("");
    let drawn = RwSignal::new(false);
    let text = StoredValue::new(text);
    let copy = move |_| {
        spawn_local(async move {
            let Some(secret) = text.try_get_value() else { return };
            let done = browser::copy(secret.expose()).await;
            if !done && let Some(Some(field)) = field.try_get_untracked() {
                let _ = field.focus();
                browser::select(&field);
            }
            let words = if done { words::COPIED } else { words::COPY_BY_HAND };
            said.try_set(words);
            frame.say(words);
        });
    };
    let share = move |_| {
        spawn_local(async move {
            if let Some(secret) = text.try_get_value() {
                browser::share(secret.expose()).await;
            }
        });
    };
    let shares = is_link && browser::can_share();
    // The form that had the focus has been replaced by a secret that was just created.
    let button = NodeRef::<leptos::html::Button>::new();
    if mark == "once" {
        focus_when_shown(button);
    }
    let save = move |file: String| {
        let go = move |_| {
            let saved = text.with_value(|token| browser::save(&file, browser::JWT, token.expose()));
            let words = if saved.is_some() { words::SAVED } else { words::NOT_SAVED };
            said.set(words);
            frame.say(words);
        };
        view! {
            <button class="quiet" type="button" data-testid=format!("{mark}-save") on:click=go>
                {words::SAVE}
            </button>
        }
    };
    let qr = move || {
        view! {
            <button
                class="quiet"
                type="button"
                data-testid="show-qr"
                aria-expanded=move || drawn.get().to_string()
                on:click=move |_| drawn.update(|drawn| *drawn = !*drawn)
            >
                {move || if drawn.get() { words::HIDE_QR } else { words::SHOW_QR }}
            </button>
        }
    };
    view! {
        // With its usual role, screen readers would announce the text of the element `output`.
        <output
            class=if file.is_some() { "once long" } else { "once" }
            role="textbox"
            aria-readonly="true"
            aria-multiline="true"
            tabindex="0"
            data-testid=mark
            node_ref=field
            aria-label=label
        >
            {text.with_value(|text| text.expose().to_owned())}
        </output>
        <div class="row">
            {shares
                .then(|| view! {
                    <button class="primary" type="button" data-testid="share" on:click=share>
                        {words::SHARE}
                    </button>
                })}
            <button
                class=if shares || mark != "once" { "quiet" } else { "primary" }
                type="button"
                node_ref=button
                data-testid=if mark == "once" { "copy".to_owned() } else { format!("{mark}-copy") }
                on:click=copy
            >
                {words::COPY}
            </button>
            {file.map(save)}
            {is_link.then(qr)}
            <span class="said" role="status" data-testid=format!("{mark}-said")>{move || said.get()}</span>
        </div>
        {move || (is_link && drawn.get()).then(|| view! { <p class="hint">{words::SCAN_QR}</p> <Code text=text.get_value()/> })}
    }
}

/// Moves the focus to a button as soon as it is on the page.
pub fn focus_when_shown(button: NodeRef<leptos::html::Button>) {
    Effect::new(move |_| {
        if let Some(button) = button.get() {
            let _ = button.focus();
        }
    });
}

#[component]
fn Code(text: Secret) -> impl IntoView {
    match qr::draw(text.expose()) {
        Some(drawing) => view! {
            <svg
                class="qr"
                data-testid="qr"
                role="img"
                aria-label=words::QR_LABEL
                viewBox=format!("0 0 {0} {0}", drawing.side)
                shape-rendering="crispEdges"
            >
                <rect class="qr-ground" width="100%" height="100%"></rect>
                <path d=drawing.path></path>
            </svg>
        }
        .into_any(),
        None => view! { <p class="hint">{words::NO_QR}</p> }.into_any(),
    }
}
