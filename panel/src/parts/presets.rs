//! The presets of a dimmer.

use leptos::prelude::*;
use pinlatch_protocol::line::Level;

use super::handle::Handle;
use super::toolbar;
use crate::words;

/// The levels of the presets, in percent.
const PRESETS: [u8; 4] = [0, 25, 50, 100];

#[component]
pub fn Presets(line: Handle) -> impl IntoView {
    let buttons = PRESETS.into_iter().enumerate().map(|(place, percent)| {
        let word = words::line::preset(percent);
        let label = line.label(&word);
        let level = Level::Number(f64::from(percent) / 100.0);
        view! {
            <button
                type="button"
                class="key"
                tabindex=toolbar::tab_index(place)
                data-testid=line.test_id(&format!("set-{percent}"))
                aria-label=label
                aria-pressed=move || (line.level() == Some(level)).to_string()
                aria-disabled=move || line.is_pending().to_string()
                disabled=move || line.hindrance("set").is_some()
                title=move || line.hindrance("set")
                on:click=move |_| line.ask(line.fade(level))
            >
                {word}
            </button>
        }
    });
    view! {
        <div
            class="presets"
            role="toolbar"
            aria-label=line.label(words::line::PRESETS)
            on:keydown=toolbar::keys
            on:focusin=toolbar::focus
        >
            {buttons.collect_view()}
        </div>
    }
}
