//! The control of a switch. If the level is known, the control is one toggle. Otherwise, the control consists of two
//! buttons.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level};

use super::handle::Handle;
use crate::words;

/// A short blink that helps to identify a lamp. After the blink, the lamp returns to its previous level.
const BLINK: Action = Action::Blink { period_ms: 400, count: 5 };

#[component]
pub fn Switch(line: Handle) -> impl IntoView {
    let known = Memo::new(move |_| line.level().is_some());
    view! {
        {move || if known.get() { view! { <Rocker line/> }.into_any() } else { view! { <Two line/> }.into_any() }}
        {move || line.may("blink").then(|| view! {
            <button
                type="button"
                class="quiet"
                data-testid=line.test_id("blink")
                aria-label=line.label(words::line::BLINK)
                disabled=move || line.hindrance("blink").is_some()
                aria-disabled=move || line.is_pending().to_string()
                on:click=move |_| line.ask(BLINK)
            >
                {words::line::BLINK}
            </button>
        })}
    }
}

/// Shows the toggle of a switch. If the viewer has permission for the action `set`, the toggle sends the opposite level
/// explicitly. A double press then has the same effect as one press.
#[component]
fn Rocker(line: Handle) -> impl IntoView {
    let verb = move || if line.may("set") || !line.may("toggle") { "set" } else { "toggle" };
    let turn = move |_| {
        let other =
            Level::On(!line.view.with_untracked(|view| {
                view.as_ref().is_some_and(|view| view.reported == Some(Level::On(true)))
            }));
        line.ask(if untrack(verb) == "set" { Action::set(other) } else { Action::Toggle });
    };
    view! {
        <button
            type="button"
            class="rocker"
            role="switch"
            data-testid=move || line.test_id(verb())
            aria-label=words::title(&line.name())
            aria-checked=move || line.is_on().to_string()
            aria-disabled=move || line.is_pending().to_string()
            disabled=move || line.hindrance(verb()).is_some()
            title=move || line.hindrance(verb())
            on:click=turn
        >
            <span class="rocker-mark">"I"</span>
            <span class="rocker-mark">"O"</span>
            <span class="rocker-thumb"></span>
        </button>
    }
}

/// Shows separate buttons for on and off, because the level is unknown.
#[component]
fn Two(line: Handle) -> impl IntoView {
    [(true, words::line::ON, "set-on"), (false, words::line::OFF, "set-off")].map(|(level, word, name)| {
        view! {
            <button
                type="button"
                class="key"
                data-testid=line.test_id(name)
                aria-label=line.label(word)
                aria-disabled=move || line.is_pending().to_string()
                disabled=move || line.hindrance("set").is_some()
                title=move || line.hindrance("set")
                on:click=move |_| line.ask(Action::set(Level::On(level)))
            >
                {word}
            </button>
        }
    })
}
