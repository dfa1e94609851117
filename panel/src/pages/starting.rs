//! What is shown until it is certain whether somebody is logged in. The page's own HTML looks the same.

use leptos::prelude::*;

use crate::parts::icon::Mark;

/// The product's mark, and a word if it takes long.
#[component]
pub fn Starting(
    /// Whether the edge could not be reached.
    trouble: bool,
) -> impl IntoView {
    view! {
        <main class="starting" aria-busy="true">
            <Mark/>
            <p role="status">{if trouble { "Pinlatch cannot be reached. Trying again…" } else { "" }}</p>
        </main>
    }
}
