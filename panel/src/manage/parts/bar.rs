//! The header of the administration pages with the site, the connection, the account and the navigation.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::frame::Frame;
use crate::manage::page::{self, Page};
use crate::manage::{browser, words};
use crate::parts::header::UserMenu;
use crate::ui::icon::{Icon, IconKind, Mark};
use crate::visit::Visitor;
use crate::words::{PRODUCT, WAYS, section, title};

#[component]
pub fn Bar() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let site = frame.site();
    let board = Visitor::Person.page(Some(&site));
    let state = Memo::new(move |_| words::link(frame.panel.link.get()));
    view! {
        <header class="bar">
            <Mark/>
            <div class="bar-name">
                <span class="legend">{PRODUCT}</span>
                <p class="bar-site">{title(site.as_str())}</p>
            </div>
            <p class="link" data-testid="link" data-state=move || state.get().0>
                <span class="link-lamp"></span>
                <span class="link-text">{move || state.get().1}</span>
            </p>
            <UserMenu panel=frame.panel/>
        </header>
        <nav class="ways" aria-label=WAYS>
            <a class="way" href=board data-testid="board">
                {words::BOARD}
            </a>
            <For each=move || frame.rights.with(|rights| rights.pages()) key=section let:page>
                <Section page/>
            </For>
        </nav>
    }
}

#[component]
fn Section(page: Page) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let own = page.clone();
    let is_current = Memo::new(move |_| frame.page.with(|page| page.section() == own));
    let test_id = format!("way-{}", page.mark());
    let text = section(&page);
    view! {
        <Way page class="way" test_id current=is_current>
            {text}
        </Way>
    }
}

/// Shows a link to another administration page. A normal click shows this page without loading it from the server. The
/// page is loaded from the server only if the link is opened in another tab.
#[component]
pub fn Way(
    page: Page,
    class: &'static str,
    test_id: String,
    #[prop(optional, into)] current: Option<Memo<bool>>,
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
    let is_current = move || current.is_some_and(|current| current.get()).then_some("page");
    view! {
        <a class=class href=href data-testid=test_id aria-current=is_current on:click=go>
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
