//! The page for a URL that leads to no page.

use leptos::prelude::*;

use crate::platform;
use crate::ui::icon::Mark;
use crate::visit::Visitor;
use crate::words::{self, Stray};

#[component]
pub fn StrayPage(stray: Stray) -> impl IntoView {
    // The link leads to the page of a site that may exist.
    let site = platform::site().filter(|_| stray != Stray::NoSite);
    let opened = platform::site().map(|site| site.to_string()).unwrap_or_default();
    let heading = stray.heading(&opened);
    document().set_title(&words::page_title(&heading));
    view! {
        <main class="login">
            <div class="plate login-plate shut" data-testid="stray" data-reason=stray.mark()>
                <div class="login-head">
                    <Mark/>
                    <div>
                        <h1>{heading}</h1>
                        <p>{words::PRODUCT}</p>
                    </div>
                </div>
                <p>{stray.text()}</p>
                {(stray == Stray::Enrolment).then(|| view! { <pre class="command"><code>{words::enrol_on_device()}</code></pre> })}
                <p class="shut-way">
                    <a class="shut-login" href=Visitor::Person.page(site.as_ref()) data-testid="stray-way">
                        {words::TO_SIGN_IN}
                    </a>
                </p>
            </div>
        </main>
    }
}
