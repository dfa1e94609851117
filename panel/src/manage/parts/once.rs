//! A secret that is shown only once, as text and as a QR code. The panel does not store the secret.

use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::Secret;

use super::frame::Frame;
use crate::manage::{browser, qr, words};
use crate::ui::icon::{Icon, IconKind};

/// A secret that is shown only once.
#[derive(Clone)]
pub struct OneTimeSecret {
    pub secret: Secret,
    /// The content of the QR code, if this content differs from the displayed text.
    pub coded: Option<Secret>,
    /// Explains how to use the secret.
    pub how: &'static str,
    pub note: &'static str,
}

/// Shows a secret, and buttons to copy it and to show its QR code.
#[component]
pub fn Once(shown: OneTimeSecret) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let OneTimeSecret { secret, coded, how, note } = shown;
    view! {
        <p class="notice notice-expired">
            <Icon kind=IconKind::Key/>
            <span>{words::ONCE}</span>
        </p>
        <p class="sheet-text">{how}</p>
        <Shown secret coded say=move |text: &'static str| frame.say(text)/>
        <p class="hint">{note}</p>
    }
}

#[component]
fn Shown(
    secret: Secret,
    coded: Option<Secret>,
    say: impl Fn(&'static str) + Copy + 'static,
) -> impl IntoView {
    let field = NodeRef::<leptos::html::Textarea>::new();
    let said = RwSignal::new("");
    let drawn = RwSignal::new(false);
    let text = StoredValue::new(secret);
    let coded = StoredValue::new(coded.unwrap_or_else(|| text.get_value()));
    let copy = move |_| {
        spawn_local(async move {
            let Some(secret) = text.try_get_value() else { return };
            let done = browser::copy(secret.expose()).await;
            if !done && let Some(Some(field)) = field.try_get_untracked() {
                let _ = field.focus();
                field.select();
            }
            let words = if done { words::COPIED } else { words::COPY_BY_HAND };
            said.try_set(words);
            say(words);
        });
    };
    view! {
        <textarea
            class="once"
            data-testid="once"
            node_ref=field
            readonly
            rows="3"
            spellcheck="false"
            autocomplete="off"
            aria-label=words::ONCE
            prop:value=text.with_value(|secret| secret.expose().to_owned())
        ></textarea>
        <div class="row">
            <button class="primary" type="button" data-testid="copy" on:click=copy>
                {words::COPY}
            </button>
            <button
                class="quiet"
                type="button"
                data-testid="show-qr"
                aria-expanded=move || drawn.get().to_string()
                on:click=move |_| drawn.update(|drawn| *drawn = !*drawn)
            >
                {move || if drawn.get() { words::HIDE_QR } else { words::SHOW_QR }}
            </button>
            <span class="said" role="status" data-testid="once-said">{move || said.get()}</span>
        </div>
        {move || drawn.get().then(|| view! { <Code text=coded.get_value()/> })}
    }
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
