//! The header of the administration pages with the site, the connection, the account and the navigation.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::frame::Frame;
use crate::manage::page::{self, Page};
use crate::manage::{browser, words};
use crate::parts::header::{SiteName, UserMenu};
use crate::parts::places::Places;
use crate::ui::icon::{Icon, IconKind, Mark};
use crate::ui::skip::Skip;
use crate::words::{PRODUCT, title};

#[component]
pub fn Bar() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let site = frame.site();
    let name = title(site.as_str());
    let state = Memo::new(move |_| words::link(frame.panel.link.get()));
    let pages = Memo::new(move |_| frame.rights.with(|rights| rights.pages()));
    let current = Memo::new(move |_| Some(frame.page.with(|page| page.section())));
    let open = Callback::new(move |(event, page): (MouseEvent, Page)| {
        if browser::is_plain(&event) {
            event.prevent_default();
            frame.show(page, "");
        }
    });
    view! {
        <Skip/>
        <header class="bar">
            <Mark/>
            <div class="bar-name">
                <span class="legend">{PRODUCT}</span>
                <p><SiteName title=Signal::stored(name)/></p>
            </div>
            <p class="link" data-testid="link" data-state=move || state.get().0>
                <span class="link-lamp"></span>
                <span class="link-text">{move || state.get().1}</span>
            </p>
            <UserMenu panel=frame.panel/>
        </header>
        <Places site pages current open/>
    }
}

/// Shows a link to another administration page. A normal click shows this page without loading it from the server. The
/// page is loaded from the server only if the link is opened in another tab.
#[component]
pub fn Way(
    page: Page,
    class: &'static str,
    test_id: String,
    /// The query of the link, including the question mark.
    #[prop(optional)]
    query: String,
    children: Children,
) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let href = format!("{}{query}", frame.path(&page));
    let go = move |event: MouseEvent| {
        if browser::is_plain(&event) {
            event.prevent_default();
            frame.show(page.clone(), &query);
        }
    };
    view! {
        <a class=class href=href data-testid=test_id on:click=go>
            {children()}
        </a>
    }
}

/// Shows a notice if the session has ended while a page was open.
#[component]
pub fn Ended() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let ended = Memo::new(move |_| frame.has_ended());
    view! {
        <div role="alert">
            {move || {
                ended
                    .get()
                    .then(|| {
                        let back = page::sign_in(&frame.site(), &browser::path());
                        view! {
                            <p class="notice notice-unknown ended" data-testid="ended">
                                <Icon kind=IconKind::Clock/>
                                <span>{words::ENDED}</span>
                                <a class="quiet as-button" href=back target="_blank" rel="noopener" data-testid="ended-login">
                                    {words::ENDED_LINK}
                                </a>
                            </p>
                        }
                    })
            }}
        </div>
    }
}
