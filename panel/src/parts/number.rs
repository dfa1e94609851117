//! The control of a line with a numeric level. The level of a dimmer is in percent, and the level of a servo is in
//! degrees.

use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level, LineKind};

use super::handle::Handle;
use crate::model::CommandOutcome;
use crate::{platform, words};

/// The presets of a dimmer, in percent.
const PRESETS: [u8; 4] = [0, 25, 50, 100];

/// The maximum age of a value that a person chose while a command was pending, in milliseconds. After the command was
/// executed, the panel sends this value if it is not older.
const FRESH_MS: u64 = 1_000;

/// Shows the slider of a dimmer or a servo. The mark on the slider's scale shows the reported level. The thumb shows
/// the chosen level until the command has been answered, and then returns to the reported level.
#[component]
pub fn Slider(line: Handle) -> impl IntoView {
    let dimmer = line.kind == LineKind::Dimmer;
    let (most, scale) = if dimmer { (100.0, 100.0) } else { (180.0, 1.0) };
    let slider = NodeRef::<leptos::html::Input>::new();
    let fact = Memo::new(move |_| match line.level() {
        Some(Level::Number(number)) => Some(number * scale),
        _ => None,
    });
    let desired = RwSignal::new(None::<f64>);
    let next = StoredValue::new(None::<(f64, u64)>);
    let ask = move |chosen: f64| line.ask(Action::set(Level::Number(chosen / scale)));
    let settle = move || {
        desired.set(None);
        if let Some(slider) = slider.get_untracked() {
            slider.set_value(&format!("{:.0}", fact.get_untracked().unwrap_or(most / 2.0)));
        }
    };
    Effect::new(move |_| {
        if slider.get().is_some() && fact.get().is_some() && desired.get_untracked().is_none() {
            settle();
        }
    });
    Effect::new(move |_| {
        let (pending, done) = line.command.with(|state| {
            let done = state.answer.as_ref().is_some_and(|answer| answer.outcome == CommandOutcome::Executed);
            (state.pending.is_some(), done)
        });
        if pending {
            return;
        }
        let waiting = next.try_update_value(Option::take).flatten();
        settle();
        if let Some((chosen, at_ms)) = waiting
            && done
            && platform::now_ms().saturating_sub(at_ms) < FRESH_MS
        {
            desired.set(Some(chosen));
            ask(chosen);
        }
    });
    let chosen = move || slider.get_untracked().and_then(|slider| slider.value().parse::<f64>().ok());
    let let_go = move |_| {
        let Some(chosen) = chosen() else { return };
        if untrack(|| line.is_pending()) {
            return next.set_value(Some((chosen, platform::now_ms())));
        }
        ask(chosen);
        if !untrack(|| line.is_pending()) {
            settle();
        }
    };
    let in_words = move |number: f64| words::level(line.kind, Some(&Level::Number(number / scale)));
    view! {
        <div
            class="slide"
            data-wish=move || desired.get().is_some().to_string()
            style=("--fact", move || fact.get().map(|fact| format!("{:.3}", fact / most)))
        >
            {(!dimmer).then(|| view! { <Arc fact/> })}
            // If the level is unknown, a thumb would show a wrong level, so the slider of a dimmer is hidden. The
            // presets can still set the level of the dimmer.
            <input
                type="range"
                class="slider"
                node_ref=slider
                min="0"
                max=most.to_string()
                step="1"
                hidden=move || dimmer && fact.get().is_none()
                aria-label=words::title(&line.name())
                aria-valuetext=move || desired.get().or(fact.get()).map_or_else(|| words::level(line.kind, None), in_words)
                data-testid=line.test_id("set")
                disabled=move || line.hindrance("set").is_some()
                title=move || line.hindrance("set")
                on:input=move |_| desired.set(chosen())
                on:change=let_go
            />
            <span class="wish" aria-hidden="true">{move || desired.get().map(in_words)}</span>
        </div>
        {dimmer.then(|| view! { <Presets line/> })}
    }
}

/// Draws the needle of a servo at the reported angle.
#[component]
fn Arc(fact: Memo<Option<f64>>) -> impl IntoView {
    view! {
        <svg class="arc" viewBox="0 0 72 42" aria-hidden="true">
            <path d="M4 36a32 32 0 0 1 64 0M4 36h5M63 36h5M36 4v5"></path>
            {move || {
                fact.get()
                    .map(|degrees| {
                        view! { <path class="arc-needle" d="M36 36H12" transform=format!("rotate({degrees:.1} 36 36)")></path> }
                    })
            }}
            <circle cx="36" cy="36" r="3"></circle>
        </svg>
    }
}

#[component]
fn Presets(line: Handle) -> impl IntoView {
    let buttons = PRESETS.map(|percent| {
        let word = words::line::preset(percent);
        let label = line.label(&word);
        let level = Level::Number(f64::from(percent) / 100.0);
        view! {
            <button
                type="button"
                class="key"
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
    view! { <div class="presets">{buttons.into_iter().collect_view()}</div> }
}
