//! The loading page, which is shown until the status of the session is known. The page in `index.html` looks the same.

use leptos::prelude::*;

use crate::ui::icon::Mark;
use crate::visit::Visitor;
use crate::{platform, words};

/// Shows the logo. If the edge cannot be reached, the page also shows a text.
#[component]
pub fn Starting(
    /// Whether the edge could not be reached.
    trouble: bool,
) -> impl IntoView {
    let text = if trouble { words::waiting(platform::visitor(), platform::has_network()) } else { "" };
    // If the edge cannot be reached, the name of the site shows which panel was opened.
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
