//! The page until the session is known. The HTML of the page looks the same.

use leptos::prelude::*;

use crate::ui::icon::Mark;
use crate::visit::Visitor;
use crate::{platform, words};

/// The logo, and a text if the edge cannot be reached.
#[component]
pub fn Starting(
    /// Whether the edge could not be reached.
    trouble: bool,
) -> impl IntoView {
    let text = if trouble { words::waiting(platform::visitor(), platform::has_network()) } else { "" };
    // Without network, the site's name shows which panel this is.
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
