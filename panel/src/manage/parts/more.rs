//! The button `…` with a menu of rare actions.

use leptos::prelude::*;

use crate::manage::words;
use crate::ui::icon::{Icon, IconKind};
use crate::words::about as named;

/// Shows the button and its menu. An action in the menu must hide the menu with `popover::hide` before it opens a
/// dialog. The focus is then on the button, and returns there when the dialog closes.
#[component]
pub fn More(
    /// The id of the menu, and the `data-testid` of the button.
    id: String,
    /// The person or thing to which the actions apply.
    about: String,
    children: Children,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="quiet more"
            popovertarget=id.clone()
            aria-label=named(words::MORE_ACTIONS, &about)
            data-testid=id.clone()
        >
            <Icon kind=IconKind::More/>
        </button>
        <div id=id class="menu actions" popover="auto">
            {children()}
        </div>
    }
}
