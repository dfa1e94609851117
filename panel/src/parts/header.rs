//! The header of the board with the site, the connection, the account and the navigation.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::places::Places;
use crate::link::State;
use crate::live::Panel;
use crate::manage::page::Page;
use crate::model::Model;
use crate::prefs::Theme;
use crate::ui::icon::{Icon, IconKind, Mark};
use crate::ui::skip::Skip;
use crate::visit::Visitor;
use crate::{platform, viewer, words};

#[component]
pub fn Header() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let site = Memo::new(move |_| {
        let known = panel.model.with(|model| model.whoami.as_ref().map(|whoami| whoami.site.clone()));
        let site = known.or_else(platform::site).map(|site| words::title(site.as_str())).unwrap_or_default();
        if panel.visitor == Visitor::Person {
            return site;
        }
        let names = panel.model.with(Model::names);
        let names: Vec<_> = names.iter().map(|name| words::title(name.as_str())).collect();
        words::guest::headline(&site, &names)
    });
    Effect::new(move |_| {
        let site = site.get();
        document().set_title(&if site.is_empty() { words::PRODUCT.into() } else { words::page_title(&site) });
    });
    let person = panel.visitor == Visitor::Person;
    view! {
        <Skip/>
        <header class="bar">
            <Mark/>
            <div class="bar-name">
                <span class="legend">{words::PRODUCT}</span>
                <h1><SiteName title=site/></h1>
            </div>
            <LinkBadge/>
            {person.then(|| view! { <UserMenu panel/> })}
        </header>
        {person.then(|| view! { <Ways/> })}
    }
}

/// Shows links to the administration pages that the viewer may open.
#[component]
fn Ways() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let pages = Memo::new(move |_| {
        panel.model.with(|model| model.whoami.as_ref().map(|viewer| Page::open_to(&viewer.scope)))
    });
    let site = viewer::site();
    let pages = Signal::derive(move || pages.get().unwrap_or_default());
    site.map(|site| view! { <Places site pages current=Signal::stored(None)/> })
}

/// Shows the name of the site. If the browser is also logged in to other sites, the name is a button that opens a menu
/// with these sites.
#[component]
pub fn SiteName(#[prop(into)] title: Signal<String>) -> impl IntoView {
    let others = viewer::other_sites();
    if others.is_empty() {
        return view! { <span class="site-name">{move || title.get()}</span> }.into_any();
    }
    let links = others.into_iter().map(|site| {
        let test_id = format!("site-{site}");
        view! { <a class="place" href=Visitor::Person.page(Some(&site)) data-testid=test_id>{words::title(site.as_str())}</a> }
    });
    let links: Vec<_> = links.collect();
    view! {
        <button type="button" class="site-button" popovertarget="sites" data-testid="sites">
            <span class="site-name">{move || title.get()}</span>
            <span class="unseen">{words::SWITCH_SITE}</span>
            <Icon kind=IconKind::Later/>
        </button>
        <span id="sites" class="menu sites" popover="auto">
            <span class="legend">{words::SITES}</span>
            <a class="place" href="" aria-current="page">{move || title.get()}</a>
            {links}
        </span>
    }
    .into_any()
}

/// Shows the state of the connection. A press on the displayed state opens the list of network paths.
#[component]
fn LinkBadge() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let mark = Memo::new(move |_| match panel.link.get() {
        State::Connected => "connected",
        State::Connecting | State::Waiting { .. } => "connecting",
        State::Offline => "offline",
    });
    let text = Memo::new(move |_| words::link(panel.link.get(), panel.now.get()));
    view! {
        <button type="button" class="link" data-testid="link" data-state=move || mark.get() popovertarget="health">
            <span class="link-lamp"></span>
            <span class="link-text">{move || text.get()}</span>
        </button>
        <Health/>
    }
}

/// Shows the network path to the edge and to each device, with the state and the measured round-trip time of each path.
#[component]
fn Health() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let hops = Memo::new(move |_| {
        let connected = panel.is_connected();
        let edge = panel.edge_ms.get();
        let _ = panel.timed.get();
        panel.model.with(|model| words::hops(model, connected, edge))
    });
    view! {
        <div id="health" class="menu health" popover="auto" data-testid="health">
            <h2 class="legend">{words::HEALTH}</h2>
            <ul>
                {move || {
                    hops.get()
                        .into_iter()
                        .map(|hop| view! {
                            <li class="hop" data-good=hop.good.to_string()>
                                <span class="presence-lamp"></span>
                                <span class="hop-way">{hop.way}</span>
                                <span class="hop-time">{hop.time}</span>
                            </li>
                        })
                        .collect::<Vec<_>>()
                }}
            </ul>
            <p class="hint">{words::HEALTH_HINT}</p>
        </div>
    }
}

/// Shows the menu with the account, the theme and the logout button.
#[component]
pub fn UserMenu(panel: Panel) -> impl IntoView {
    let who = Memo::new(move |_| {
        panel.model.with(|model| model.whoami.as_ref().map(|whoami| (whoami.sub.clone(), whoami.role)))
    });
    let name = move || who.get().map(|(name, _)| name).unwrap_or_default();
    let initial =
        move || name().chars().next().map(|c| c.to_ascii_uppercase().to_string()).unwrap_or_default();
    let role = move || who.get().and_then(|(_, role)| role).map_or("", words::role);
    let account = move || panel.model.with(|model| Some(Page::Account.path(&model.whoami.as_ref()?.site)));
    let stuck = RwSignal::new(false);
    let log_out = move |_| {
        spawn_local(async move {
            let over = panel.log_out().await;
            stuck.try_set(!over);
        });
    };
    view! {
        <button
            class="user"
            type="button"
            popovertarget="user-menu"
            data-testid="user-menu"
            aria-label=move || words::account(&name())
        >
            {initial}
        </button>
        <div id="user-menu" class="menu" popover="auto">
            <p class="menu-who">
                <strong>{name}</strong>
                <span>{role}</span>
            </p>
            <Themes/>
            <a class="quiet as-button" href=account data-testid="account">{words::section(&Page::Account)}</a>
            <button class="quiet" type="button" data-testid="logout" on:click=log_out>
                {words::LOG_OUT}
            </button>
            <p class="menu-stuck" role="status">
                {move || stuck.get().then_some(words::NOT_LOGGED_OUT)}
            </p>
        </div>
    }
}

/// Shows the buttons that select the theme.
#[component]
fn Themes() -> impl IntoView {
    let theme = RwSignal::new(platform::theme());
    let choose = move |chosen: Theme| {
        theme.set(chosen);
        platform::set_theme(chosen);
    };
    let buttons = Theme::ALL.map(|own| {
        view! {
            <button
                type="button"
                class="key"
                data-testid=format!("theme-{}", own.mark())
                aria-pressed=move || (theme.get() == own).to_string()
                on:click=move |_| choose(own)
            >
                {words::theme(own)}
            </button>
        }
    });
    view! { <div class="themes" role="group" aria-label=words::THEME>{buttons.into_iter().collect::<Vec<_>>()}</div> }
}
