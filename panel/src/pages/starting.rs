//! What is shown until it is certain whether somebody is logged in. The page's own HTML looks the same.

use leptos::prelude::*;

use crate::parts::icon::Mark;
use crate::platform;
use crate::visit::Visitor;

/// The product's mark, and a word if it takes long.
#[component]
pub fn Starting(
    /// Whether the edge could not be reached.
    trouble: bool,
) -> impl IntoView {
    let text = match (trouble, platform::visitor()) {
        (false, _) => "",
        (true, Visitor::Person) => "Pinlatch cannot be reached. Trying again…",
        // A link that is not opened yet is known to this page only.
        (true, Visitor::Guest) => {
            "Pinlatch cannot be reached. Keep this page open: it tries again by itself."
        }
    };
    view! {
        <main class="starting" aria-busy="true">
            <Mark/>
            <p role="status">{text}</p>
        </main>
    }
}
