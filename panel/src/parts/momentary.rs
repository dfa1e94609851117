//! The control of a momentary line: one large button that asks for one pulse, with a ring that shows what is left.

use leptos::prelude::*;
use pinlatch_protocol::line::Action;

use super::line::Handle;
use crate::words;

/// A pulse is this long unless the line allows less.
const PULSE_MS: u32 = 3_000;

/// A door strike or bell push.
#[component]
pub fn Momentary(line: Handle) -> impl IntoView {
    let ms = Memo::new(move |_| {
        let most = line.view.with(|view| view.as_ref().and_then(|view| view.max_on_ms));
        most.map_or(PULSE_MS, |most| most.clamp(1, PULSE_MS))
    });
    let time = Memo::new(move |_| format!("for {}", words::duration(ms.get())));
    let pulse = Memo::new(move |_| line.pulse());
    // One ring for one pulse: it is not drawn anew while that runs.
    let ring = Memo::new(move |_| {
        let began = line.view.with(|view| view.as_ref().and_then(|view| view.changed_ms));
        pulse.get().map(|pulse| (began, pulse.ms))
    });
    let left = Memo::new(move |_| pulse.get().map_or_else(|| time.get(), |pulse| words::pulse_left(&pulse)));
    let word = words::press(&line.name());
    view! {
        <button
            type="button"
            class="press"
            data-testid=line.test_id("pulse")
            aria-label=move || line.label(&format!("{word} {}", time.get()))
            aria-disabled=move || line.is_pending().to_string()
            disabled=move || line.hindrance("pulse").is_some()
            title=move || line.hindrance("pulse")
            on:click=move |_| line.ask(Action::Pulse { ms: ms.get_untracked() })
        >
            {move || ring.get().map(|(_, ms)| view! { <Ring ms gone=line.pulse_gone()/> })}
            <span class="press-word">{word}</span>
            <span class="press-time" data-testid=line.test_id("left")>{move || left.get()}</span>
        </button>
    }
}

/// What is left of a pulse, as an arc that runs out.
#[component]
fn Ring(ms: u32, gone: u32) -> impl IntoView {
    view! {
        <span class="ring" style=("--ms", format!("{ms}ms")) style=("--gone", format!("-{gone}ms"))>
            <svg viewBox="0 0 36 36" aria-hidden="true">
                <circle cx="18" cy="18" r="15"></circle>
                <circle class="ring-left" cx="18" cy="18" r="15" pathLength="1"></circle>
            </svg>
        </span>
    }
}
