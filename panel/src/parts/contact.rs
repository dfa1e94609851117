//! The view of a contact. A contact has no actions, so the view shows only a drawing of the contact and its last press.

use leptos::prelude::*;
use pinlatch_protocol::line::Level;

use super::handle::Handle;
use crate::words;

/// Draws a contact, for example a button or a reed contact.
#[component]
pub fn Contact(line: Handle) -> impl IntoView {
    let blade = Memo::new(move |_| match line.level() {
        Some(Level::On(true)) => "M44 28H96",
        Some(_) => "M44 28L92 8",
        None => "M44 28l14-6M66 19l14-6",
    });
    view! {
        <svg class="contact" viewBox="0 0 140 40" aria-hidden="true">
            <path d="M4 28H40M100 28H136"></path>
            <path class="contact-blade" d=move || blade.get()></path>
            <circle cx="42" cy="28" r="4"></circle>
            <circle cx="98" cy="28" r="4"></circle>
        </svg>
    }
}

/// Shows the last press of a contact for a few seconds.
#[component]
pub fn Press(line: Handle) -> impl IntoView {
    let press = Memo::new(move |_| line.pressed());
    // Each press creates a new element, so that repeated presses are visible.
    move || {
        press.get().map(|press| {
            view! {
                <span class="pressed" data-testid=line.test_id("press") data-long=press.long.to_string()>
                    {words::line::presses(&press)}
                </span>
            }
        })
    }
}
