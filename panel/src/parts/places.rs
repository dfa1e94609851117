//! The navigation between the board and the administration pages. On a wide screen, the navigation is a row of tabs. On
//! a narrow screen, it is a bar at the bottom edge, where a thumb reaches it. The bar has few places, and a menu with
//! the other pages. If the current page is in this menu, the button of the menu shows the name of this page.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use pinlatch_protocol::name::Name;

use crate::manage::page::Page;
use crate::ui::icon::{Icon, IconKind};
use crate::ui::popover;
use crate::visit::Visitor;
use crate::words;

/// The maximum number of places in the bar of a narrow screen. If there are more pages, a button for the other pages
/// is added.
const IN_BAR: usize = 4;

/// The id of the menu with the pages that are not in the bar.
const MORE: &str = "more-places";

/// A page of the navigation. `None` is the board.
type Place = Option<Page>;

#[component]
pub fn Places(
    site: Name,
    /// The administration pages that the viewer may open.
    #[prop(into)]
    pages: Signal<Vec<Page>>,
    #[prop(into)] current: Signal<Place>,
    /// Runs when a link to an administration page is clicked. Without this callback, the browser loads the page.
    #[prop(optional)]
    open: Option<Callback<(MouseEvent, Page)>>,
) -> impl IntoView {
    let link = move |place: Place, class: &'static str| {
        let (href, test_id) = match &place {
            None => (Visitor::Person.page(Some(&site)), "board".into()),
            Some(page) => (page.path(&site), format!("way-{}", page.mark())),
        };
        let own = place.clone();
        let is_current = move || current.with(|current| *current == own).then_some("page");
        let text = text(&place);
        let icon = icon(&place);
        let click = move |event: MouseEvent| {
            popover::hide(MORE);
            if let (Some(open), Some(page)) = (open, &place) {
                open.run((event, page.clone()));
            }
        };
        view! {
            <a class=class href=href data-testid=test_id aria-current=is_current on:click=click>
                <Icon kind=icon/>
                <span>{text}</span>
            </a>
        }
    };
    let places = move || {
        let all: Vec<Place> = std::iter::once(None).chain(pages.get().into_iter().map(Some)).collect();
        let in_bar = if all.len() > IN_BAR { IN_BAR } else { all.len() };
        let rest = StoredValue::new(all.get(in_bar..).unwrap_or_default().to_vec());
        let has_rest = rest.with_value(|rest| !rest.is_empty());
        let class = |index: usize| if index < in_bar { "way" } else { "way way-rest" };
        let links = all.iter().enumerate().map(|(index, place)| link(place.clone(), class(index)));
        let links: Vec<_> = links.collect();
        let shown = move || {
            let shown = |place: &Place| rest.with_value(|rest| rest.contains(place)).then(|| text(place));
            current.with(shown)
        };
        let menu = has_rest.then(|| {
            let class = |index: usize| if index < in_bar { "place place-in-bar" } else { "place" };
            let links = all.iter().enumerate().map(|(index, place)| link(place.clone(), class(index)));
            let links: Vec<_> = links.collect();
            view! {
                <button
                    type="button"
                    class="way way-more"
                    popovertarget=MORE
                    data-testid="more-places"
                    aria-current=move || shown().map(|_| "page")
                >
                    <Icon kind=IconKind::More/>
                    <span>
                        {move || shown().map(|_| view! { <span class="unseen">{words::MORE_PAGES}</span> })}
                        {move || shown().unwrap_or(words::MORE)}
                    </span>
                </button>
                <div id=MORE class="menu" popover="auto">
                    {links}
                </div>
            }
        });
        view! {
            {links}
            {menu}
        }
    };
    view! {
        <nav class="ways" aria-label=words::WAYS>
            {places}
        </nav>
    }
}

fn text(place: &Place) -> &'static str {
    place.as_ref().map_or(words::BOARD, words::section)
}

fn icon(place: &Place) -> IconKind {
    match place {
        None => IconKind::Board,
        Some(Page::People | Page::Account) => IconKind::People,
        Some(Page::Tokens) => IconKind::Key,
        Some(Page::Activity) => IconKind::Clock,
        Some(Page::Inspector) => IconKind::Search,
        Some(Page::Devices | Page::Device(_) | Page::Unknown) => IconKind::Device,
    }
}
