//! The control of a colour LED, with presets and a colour picker.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level, Rgb};

use super::handle::Handle;
use crate::words::line as text;

const PRESETS: [(Rgb, &str); 7] = [
    (Rgb(0xff, 0xff, 0xff), text::colour::WHITE),
    (Rgb(0xff, 0xc4, 0x7a), text::colour::WARM_WHITE),
    (Rgb(0xff, 0x20, 0x10), text::colour::RED),
    (Rgb(0xff, 0x98, 0x00), text::colour::AMBER),
    (Rgb(0x18, 0xc8, 0x48), text::colour::GREEN),
    (Rgb(0x20, 0x60, 0xff), text::colour::BLUE),
    (Rgb(0, 0, 0), text::OFF),
];

/// Shows the control of a colour LED. The lamp next to the line's name shows the reported colour and never the picked
/// colour.
#[component]
pub fn Colour(line: Handle) -> impl IntoView {
    let picker = NodeRef::<leptos::html::Input>::new();
    Effect::new(move |_| {
        line.command.track();
        if let (Some(picker), Some(Level::Colour(colour))) = (picker.get(), line.level()) {
            picker.set_value(&colour.to_string());
        }
    });
    let pick = move |_| {
        let picked = picker.get_untracked().and_then(|picker| Rgb::try_from(picker.value()).ok());
        if let Some(colour) = picked {
            line.ask(Action::set(Level::Colour(colour)));
        }
    };
    let hindered = move || line.hindrance("set").is_some();
    view! {
        <div class="colours" role="group" aria-label=text::colour::COLOURS>
            {PRESETS
                .map(|(colour, word)| {
                    view! {
                        <button
                            type="button"
                            class="chip"
                            style=("--chip", colour.to_string())
                            aria-label=word
                            title=word
                            aria-pressed=move || (line.level() == Some(Level::Colour(colour))).to_string()
                            aria-disabled=move || line.is_pending().to_string()
                            disabled=hindered
                            on:click=move |_| line.ask(line.fade(Level::Colour(colour)))
                        ></button>
                    }
                })
                .collect_view()}
            <label class="chip chip-any" title=text::colour::ANOTHER>
                <input
                    type="color"
                    node_ref=picker
                    aria-label=text::colour::ANOTHER
                    data-testid=line.test_id("set")
                    aria-disabled=move || line.is_pending().to_string()
                    disabled=hindered
                    on:change=pick
                />
            </label>
        </div>
    }
}
