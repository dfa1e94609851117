//! What is shown until it is certain whether somebody is logged in. The page's own HTML looks the same.

use leptos::prelude::*;

use crate::ui::icon::Mark;
use crate::visit::Visitor;
use crate::{platform, words};

/// The product's mark, and a word if it takes long.
#[component]
pub fn Starting(
    /// Whether the edge could not be reached.
    trouble: bool,
) -> impl IntoView {
    let text = if trouble { words::waiting(platform::visitor(), platform::has_network()) } else { "" };
    // Whoever opens the panel without network sees where they are.
    let site = platform::site().filter(|_| trouble).map(|site| words::title(site.as_str()));
    view! {
        <main class="starting" aria-busy="true">
            <Mark/>
            {site.map(|site| view! { <h1>{site}</h1> })}
            <p role="status">{text}</p>
            {(trouble && platform::visitor() == Visitor::Person)
                .then(|| view! {
                    <button type="button" class="quiet" data-testid="again" on:click=|_| platform::reload()>{words::AGAIN}</button>
                })}
        </main>
    }
}
