//! The control of a momentary line: one large button that asks for one pulse.

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
            <span class="press-word">{word}</span>
            <span class="press-time">{move || time.get()}</span>
        </button>
    }
}
