//! The control of a momentary line. The control is a button that requests one pulse. A ring shows the remaining time of
//! the pulse.
//!
//! A person must hold the button for a moment, which prevents accidental presses. A preference allows a tap instead.

use std::time::Duration;

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle};
use leptos::prelude::*;
use pinlatch_protocol::line::Action;
use wasm_bindgen::JsCast;

use super::handle::Handle;
use crate::prefs::Press;
use crate::{platform, words};

/// The length of a pulse in milliseconds, unless the limit of the line is shorter.
const PULSE_MS: u32 = 3_000;

/// The time for which a person must hold the button, in milliseconds. The fill animation gets the same time.
const HOLD_MS: u64 = 600;

/// Shows the button of a momentary line, for example of a door strike or a bell.
#[component]
pub fn Momentary(line: Handle) -> impl IntoView {
    let ms = Memo::new(move |_| {
        let most = line.view.with(|view| view.as_ref().and_then(|view| view.max_on_ms));
        most.map_or(PULSE_MS, |most| most.clamp(1, PULSE_MS))
    });
    let time = Memo::new(move |_| words::for_time(ms.get()));
    let pulse = Memo::new(move |_| line.pulse());
    // Each pulse has a separate ring, which is not redrawn while the pulse runs.
    let ring = Memo::new(move |_| {
        let began = line.view.with(|view| view.as_ref().and_then(|view| view.changed_ms));
        pulse.get().map(|pulse| (began, pulse.ms))
    });
    let word = words::press(&line.name());
    let holds = Memo::new(move |_| line.press() == Press::Hold);
    let hold = Hold::new(line, move || line.ask_first(word, Action::Pulse { ms: ms.get_untracked() }));
    let left = move || match (pulse.get(), hold.state.get()) {
        (Some(pulse), _) => words::pulse_left(&pulse),
        (None, Held::Now) => words::HOLDING.into(),
        (None, Held::TooShort) => words::KEEP_HOLDING.into(),
        (None, Held::Not) => time.get(),
    };
    let name = move || if holds.get() { words::hold(word) } else { word.to_owned() };
    // A press by assistive technology has no duration (`detail` is 0), so the action runs immediately.
    let click = move |event: leptos::ev::MouseEvent| {
        if !holds.get_untracked() || event.detail() == 0 {
            hold.act();
        }
    };
    let press = move |event: PointerEvent| {
        // Otherwise the browser reports no `pointerleave` when a finger leaves the button.
        if let Some(Ok(button)) = event.target().map(|target| target.dyn_into::<web_sys::Element>()) {
            let _ = button.release_pointer_capture(event.pointer_id());
        }
        match (holds.get_untracked() && event.button() == 0, event.is_primary()) {
            (true, true) => hold.begin(),
            // A second finger can be the beginning of a zoom.
            _ => hold.cancel(),
        }
    };
    let key = move |event: KeyboardEvent, down: bool| {
        if holds.get_untracked() && matches!(event.key().as_str(), "Enter" | " ") {
            event.prevent_default();
            match (down, event.repeat()) {
                (true, false) => hold.begin(),
                (true, true) => {}
                (false, _) => hold.end(),
            }
        }
    };
    view! {
        <button
            type="button"
            class="press"
            data-testid=line.test_id("pulse")
            style=("--hold", format!("{HOLD_MS}ms"))
            data-held=move || (hold.state.get() == Held::Now).to_string()
            aria-disabled=move || line.is_pending().to_string()
            disabled=move || line.hindrance("pulse").is_some()
            title=move || line.hindrance("pulse")
            on:pointerdown=press
            on:pointerup=move |_| hold.end()
            on:pointerleave=move |_| hold.cancel()
            on:pointercancel=move |_| hold.cancel()
            on:blur=move |_| hold.cancel()
            on:contextmenu=move |event| event.prevent_default()
            on:keydown=move |event| key(event, true)
            on:keyup=move |event| key(event, false)
            on:click=click
        >
            {move || ring.get().map(|(_, ms)| view! { <Ring ms gone=line.pulse_gone()/> })}
            <span class="press-word">{name}</span>
            " "
            <span class="press-time" data-testid=line.test_id("left")>{left}</span>
            <span class="unseen">{line.label("")}</span>
        </button>
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Not,
    Now,
    /// The button was released too early.
    TooShort,
}

/// The state of a button that runs an action after [`HOLD_MS`].
#[derive(Clone, Copy)]
struct Hold {
    line: Handle,
    state: RwSignal<Held>,
    timer: StoredValue<Option<TimeoutHandle>>,
    act: StoredValue<Box<dyn Fn() + Send + Sync>>,
}

impl Hold {
    fn new(line: Handle, act: impl Fn() + Send + Sync + 'static) -> Self {
        let hold = Self {
            line,
            state: RwSignal::new(Held::Not),
            timer: StoredValue::new(None),
            act: StoredValue::new(Box::new(act)),
        };
        on_cleanup(move || hold.stop());
        hold
    }

    fn begin(self) {
        let ready = untrack(|| self.line.hindrance("pulse").is_none() && !self.line.is_pending());
        if !ready || self.state.get_untracked() == Held::Now {
            return;
        }
        self.state.set(Held::Now);
        let long_enough = move || {
            if self.state.try_get_untracked() == Some(Held::Now) {
                self.state.set(Held::Not);
                // A finger can have left a page that is hidden, for example behind another app.
                if platform::is_visible() {
                    self.act();
                }
            }
        };
        self.timer.set_value(set_timeout_with_handle(long_enough, Duration::from_millis(HOLD_MS)).ok());
    }

    fn end(self) {
        if self.state.get_untracked() == Held::Now {
            self.stop();
            self.state.set(Held::TooShort);
            self.line.panel().say(words::KEEP_HOLDING.into());
        }
    }

    /// Ends the press without an action and without a hint, because the person did not mean to press the button.
    fn cancel(self) {
        if self.state.get_untracked() == Held::Now {
            self.stop();
            self.state.set(Held::Not);
        }
    }

    fn stop(self) {
        if let Some(timer) = self.timer.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    }

    fn act(self) {
        self.act.with_value(|act| act());
    }
}

/// Draws the remaining time of a pulse as a shrinking arc.
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
