//! The control of a line with a numeric level. The level of a dimmer is in percent, and the level of a servo is in
//! degrees.

use std::time::Duration;

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle};
use leptos::prelude::*;
use pinlatch_protocol::line::{Action, Level, LineKind};
use wasm_bindgen::JsCast;

use super::handle::Handle;
use super::presets::Presets;
use crate::drag::{Drag, Scale};
use crate::model::CommandOutcome;
use crate::{platform, words};

/// The maximum age of a value that a person chose while a command was pending, in milliseconds. After the command was
/// executed, the panel sends this value if it is not older.
const FRESH_MS: u64 = 1_000;

/// The time without a further key after which a value that was chosen with the keyboard is sent.
const KEYS_PAUSE: Duration = Duration::from_millis(300);

/// The radius of the thumb as a part of the slider's height (see `.slider` in `board.css`).
const THUMB: f64 = 0.875 / 2.75;

/// Shows the slider of a dimmer or a servo. The mark on the slider's scale shows the reported level. The thumb shows
/// the chosen level until the command has been answered, and then returns to the reported level.
///
/// The element around the slider handles all pointers, because the browser's own slider jumps to a finger that only
/// scrolls the page. The slider itself receives only keys and the changes of assistive technology.
#[component]
pub fn Slider(line: Handle) -> impl IntoView {
    let dimmer = line.kind == LineKind::Dimmer;
    let (most, scale) = if dimmer { (100.0, 100.0) } else { (180.0, 1.0) };
    let slider = NodeRef::<leptos::html::Input>::new();
    let fact = Memo::new(move |_| match line.level() {
        Some(Level::Number(number)) => Some(number * scale),
        _ => None,
    });
    let choice = Choice::new();
    let next = StoredValue::new(None::<(f64, u64)>);
    let put_back = move || {
        if let Some(slider) = slider.get_untracked() {
            slider.set_value(&format!("{:.0}", fact.get_untracked().unwrap_or(most / 2.0)));
        }
    };
    let settle = move || {
        choice.forget();
        put_back();
    };
    let commit = move |chosen: f64| {
        if untrack(|| line.is_pending()) {
            return next.set_value(Some((chosen, platform::now_ms())));
        }
        line.ask(Action::set(Level::Number(chosen / scale)));
        if !untrack(|| line.is_pending()) {
            settle();
        }
    };
    Effect::new(move |_| {
        if slider.get().is_some() && fact.get().is_some() && choice.value.get_untracked().is_none() {
            put_back();
        }
    });
    Effect::new(move |_| {
        let (pending, done) = line.command.with(|state| {
            let done = state.answer.as_ref().is_some_and(|answer| answer.outcome == CommandOutcome::Executed);
            (state.pending.is_some(), done)
        });
        if pending || choice.is_open() {
            return;
        }
        let waiting = next.try_update_value(Option::take).flatten();
        settle();
        if let Some((chosen, at_ms)) = waiting
            && done
            && platform::now_ms().saturating_sub(at_ms) < FRESH_MS
        {
            choice.value.set(Some(chosen));
            commit(chosen);
        }
    });
    let able =
        move || untrack(|| line.hindrance("set").is_none()) && (!dimmer || fact.get_untracked().is_some());
    let show = move || {
        let chosen = choice.drag.get_value().and_then(|drag| drag.value());
        if let (Some(chosen), Some(slider)) = (chosen, slider.get_untracked()) {
            choice.value.set(Some(chosen));
            slider.set_value(&chosen.to_string());
        }
    };
    let press = move |event: PointerEvent| {
        let Some(slider) = slider.get_untracked().filter(|_| able() && event.button() == 0) else { return };
        // A second finger ends the drag, because it can be the beginning of a zoom.
        if choice.drag.get_value().is_some() || !event.is_primary() {
            return settle();
        }
        let geometry = Scale {
            width: f64::from(slider.offset_width()),
            thumb: f64::from(slider.offset_height()) * THUMB,
            most,
        };
        let precise = event.pointer_type() == "mouse";
        let value = slider.value().parse().unwrap_or_default();
        choice.stop();
        next.set_value(None);
        choice.drag.set_value(Some(Drag::begin(geometry, event.pointer_id(), precise, place(&event), value)));
        let track = event.current_target().and_then(|track| track.dyn_into::<web_sys::Element>().ok());
        let _ = track.map(|track| track.set_pointer_capture(event.pointer_id()));
        if precise {
            let _ = slider.focus();
        }
        show();
    };
    let follow = move |event: PointerEvent| {
        let own = choice.drag.get_value().filter(|drag| drag.pointer == event.pointer_id());
        if let Some(mut drag) = own {
            drag.move_to(place(&event));
            choice.drag.set_value(Some(drag));
            show();
        }
    };
    let release = move |event: PointerEvent| {
        let own = choice.drag.get_value().filter(|drag| drag.pointer == event.pointer_id());
        let Some(drag) = own else { return };
        choice.drag.set_value(None);
        match drag.changed().filter(|_| platform::is_visible()) {
            Some(chosen) => commit(chosen),
            None => settle(),
        }
    };
    let cancel = move |_: PointerEvent| {
        if choice.drag.get_value().is_some() {
            settle();
        }
    };
    // Keys change the value in steps. The value is sent after the last key was released.
    let wait = move || choice.wait(commit);
    let keys = move |event: KeyboardEvent, down: bool| {
        if down && event.key() == "Escape" {
            return settle();
        }
        choice.keyed.set_value(down && event.key() != "Tab");
        wait();
    };
    let typed = move |_| {
        let chosen = slider.get_untracked().and_then(|slider| slider.value().parse().ok());
        choice.value.set(chosen);
        choice.keys.set_value(true);
        next.set_value(None);
        wait();
    };
    let in_words = move |number: f64| words::level(line.kind, Some(&Level::Number(number / scale)));
    let hindrance = move || line.hindrance("set");
    view! {
        <div
            class="slide"
            data-wish=move || choice.value.get().is_some().to_string()
            style=("--fact", move || fact.get().map(|fact| format!("{:.3}", fact / most)))
        >
            {(!dimmer).then(|| view! { <Arc fact/> })}
            // If the level is unknown, a thumb would show a wrong level, so the slider of a dimmer is hidden. The
            // presets can still set the level of the dimmer.
            <div
                class="track"
                hidden=move || dimmer && fact.get().is_none()
                title=hindrance
                on:pointerdown=press
                on:pointermove=follow
                on:pointerup=release
                on:pointercancel=cancel
                on:lostpointercapture=cancel
                // The element must not take the focus from the slider.
                on:mousedown=|event| event.prevent_default()
                on:contextmenu=|event| event.prevent_default()
            >
                <input
                    type="range"
                    class="slider"
                    node_ref=slider
                    min="0"
                    max=most.to_string()
                    step="1"
                    aria-label=words::title(&line.name())
                    aria-valuetext=move || choice.value.get().or(fact.get()).map_or_else(|| words::level(line.kind, None), in_words)
                    data-testid=line.test_id("set")
                    disabled=move || hindrance().is_some()
                    title=hindrance
                    on:input=typed
                    on:keydown=move |event| keys(event, true)
                    on:keyup=move |event| keys(event, false)
                    on:blur=move |_| {
                        choice.keyed.set_value(false);
                        wait();
                    }
                />
            </div>
            <span class="wish" aria-hidden="true">{move || choice.value.get().map(in_words)}</span>
        </div>
        {dimmer.then(|| view! { <Presets line/> })}
    }
}

/// Returns the place of a pointer in the element that handles the event.
fn place(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.offset_x()), f64::from(event.offset_y()))
}

/// A value that a person is choosing on a slider.
#[derive(Clone, Copy)]
struct Choice {
    /// The chosen value, until its command has been answered.
    value: RwSignal<Option<f64>>,
    drag: StoredValue<Option<Drag>>,
    /// Whether the value was chosen with keys and is not committed yet.
    keys: StoredValue<bool>,
    /// Whether a key is held down.
    keyed: StoredValue<bool>,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Choice {
    fn new() -> Self {
        let choice = Self {
            value: RwSignal::new(None),
            drag: StoredValue::new(None),
            keys: StoredValue::new(false),
            keyed: StoredValue::new(false),
            timer: StoredValue::new(None),
        };
        on_cleanup(move || choice.stop());
        choice
    }

    /// Whether the person is still choosing.
    fn is_open(self) -> bool {
        self.drag.get_value().is_some() || self.keys.get_value()
    }

    fn forget(self) {
        self.stop();
        self.drag.set_value(None);
        self.value.set(None);
    }

    fn stop(self) {
        self.keys.try_update_value(|keys| *keys = false);
        if let Some(timer) = self.timer.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    }

    /// Commits the value that was chosen with keys after a pause, unless a key is held down then.
    fn wait(self, commit: impl Fn(f64) + 'static) {
        if !self.keys.get_value() {
            return;
        }
        self.stop();
        self.keys.set_value(true);
        let pause_over = move || {
            if self.keyed.get_value() {
                return;
            }
            self.stop();
            if let Some(chosen) = self.value.get_untracked() {
                commit(chosen);
            }
        };
        self.timer.set_value(set_timeout_with_handle(pause_over, KEYS_PAUSE).ok());
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
