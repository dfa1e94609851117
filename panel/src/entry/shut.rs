//! The page for a guest link that gives no access, and for a URL that leads to no page.

use leptos::prelude::*;

use crate::platform;
use crate::ui::icon::Mark;
use crate::visit::Visitor;
use crate::words;
use crate::words::guest::{self, Closed};

#[component]
pub fn Shut(closed: Closed) -> impl IntoView {
    let heading = NodeRef::<leptos::html::H1>::new();
    let site = platform::site();
    let is_stray = closed.is_stray();
    let is_no_site = matches!(closed, Closed::NoSite(_));
    let now = platform::moment(platform::now_ms());
    let text = closed.text(|seconds| words::moment(platform::moment(seconds.saturating_mul(1_000)), now));
    document().set_title(&words::page_title(closed.heading()));
    // The element that had the focus was removed. If the heading has the focus, screen readers announce the page.
    Effect::new(move |_| {
        if let Some(heading) = heading.get() {
            let _ = heading.focus();
        }
    });
    view! {
        <main class="login">
            <div class="plate login-plate shut" data-testid="shut" data-reason=closed.mark()>
                <div class="login-head">
                    <Mark/>
                    <div>
                        <h1 tabindex="-1" node_ref=heading aria-describedby="shut-text">
                            {closed.heading()}
                        </h1>
                        <p>{site.as_ref().map_or_else(|| words::PRODUCT.into(), |site| words::title(site.as_str()))}</p>
                    </div>
                </div>
                <div class="login-body">
                    <p id="shut-text" data-testid="shut-text">{text}</p>
                    <p class="shut-way">
                        {if is_stray { words::HAVE_ACCOUNT } else { guest::HAVE_ACCOUNT }}
                        <a class="shut-login" href=Visitor::Person.page(site.as_ref().filter(|_| !is_no_site)) data-testid="shut-login">
                            {words::LOG_IN.0}
                        </a>
                    </p>
                </div>
            </div>
        </main>
    }
}
