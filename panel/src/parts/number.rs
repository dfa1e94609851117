//! Lines whose level is a number: sliders for dimmers and servos, a reading for sensors.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level, LineKind};

use super::line::Handle;
use crate::words;

/// A dimmer (in percent) or a servo (in degrees); it asks when the slider is let go.
#[component]
pub fn Slider(line: Handle) -> impl IntoView {
    let (most, scale) = if line.kind == LineKind::Dimmer { (100, 100.0) } else { (180, 1.0) };
    let slider = NodeRef::<leptos::html::Input>::new();
    let number = move || match line.level() {
        Some(Level::Number(number)) => Some(number),
        _ => None,
    };
    // Back to the reported level with every answer: the thumb is no place for a wish.
    Effect::new(move |_| {
        line.talk.track();
        if let (Some(slider), Some(number)) = (slider.get(), number()) {
            slider.set_value(&format!("{:.0}", number * scale));
        }
    });
    let let_go = move |_| {
        let Some(chosen) = slider.get_untracked().and_then(|slider| slider.value().parse::<f64>().ok())
        else {
            return;
        };
        line.ask(Action::set(Level::Number(chosen / scale)));
    };
    view! {
        <input
            type="range"
            class="slider"
            node_ref=slider
            min="0"
            max=most.to_string()
            step="1"
            aria-label=words::title(&line.name())
            aria-valuetext=move || words::level(line.kind, line.level().as_ref())
            data-testid=line.test_id("set")
            aria-disabled=move || line.is_pending().to_string()
            disabled=move || line.hindrance("set").is_some()
            title=move || line.hindrance("set")
            on:change=let_go
        />
    }
}

/// A measured number.
#[component]
pub fn Reading(line: Handle) -> impl IntoView {
    view! { <output class="reading">{move || words::level(line.kind, line.level().as_ref())}</output> }
}
