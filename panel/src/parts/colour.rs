//! The control of a colour LED, with presets and a colour picker.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level, Rgb};
use pinlatch_protocol::wording::COLOURS;

use super::handle::Handle;
use super::toolbar;
use crate::words::{self, line as text};

/// Returns the presets with their names.
fn presets() -> impl Iterator<Item = (Rgb, String)> {
    let named = COLOURS.iter().map(|(name, colour)| (*colour, words::title(name)));
    named.chain([(Rgb(0, 0, 0), text::OFF.to_owned())])
}

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
        <div
            class="colours"
            role="toolbar"
            aria-label=line.label(text::colour::COLOURS)
            on:keydown=toolbar::keys
            on:focusin=toolbar::focus
        >
            {presets()
                .enumerate()
                .map(|(place, (colour, word))| {
                    view! {
                        <button
                            type="button"
                            class="chip"
                            tabindex=toolbar::tab_index(place)
                            style=("--chip", colour.to_string())
                            aria-label=word.clone()
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
                    tabindex="-1"
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
