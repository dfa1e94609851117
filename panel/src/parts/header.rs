//! The header: which site, how the link is, who is looking.

use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::scope::Role;

use super::icon::Mark;
use crate::link::State;
use crate::live::Panel;
use crate::visit::Visitor;
use crate::{platform, words};

/// The strip on top.
#[component]
pub fn Header() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let site = Memo::new(move |_| {
        let known = panel.model.with(|model| model.whoami.as_ref().map(|whoami| whoami.site.clone()));
        known.or_else(platform::site).map(|site| words::title(site.as_str())).unwrap_or_default()
    });
    Effect::new(move |_| {
        let site = site.get();
        document().set_title(&if site.is_empty() {
            "Pinlatch".into()
        } else {
            format!("{site} · Pinlatch")
        });
    });
    view! {
        <header class="bar">
            <Mark/>
            <div class="bar-name">
                <span class="legend">"Pinlatch"</span>
                <h1>{move || site.get()}</h1>
            </div>
            <LinkBadge/>
            {(panel.visitor == Visitor::Person).then(|| view! { <UserMenu/> })}
        </header>
    }
}

/// How the link to the edge is.
#[component]
fn LinkBadge() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let mark = Memo::new(move |_| match panel.link.get() {
        State::Connected => "connected",
        State::Connecting | State::Waiting { .. } => "connecting",
        State::Offline => "offline",
    });
    let text = Memo::new(move |_| match panel.link.get() {
        State::Connected => "Connected".to_owned(),
        State::Connecting => "Connecting…".to_owned(),
        State::Waiting { until_ms } => {
            format!("Reconnecting in {} s", until_ms.saturating_sub(panel.now.get()).div_ceil(1_000).max(1))
        }
        State::Offline => "Offline".to_owned(),
    });
    view! {
        <p class="link" data-testid="link" data-state=move || mark.get()>
            <span class="link-lamp"></span>
            <span class="link-text">{move || text.get()}</span>
        </p>
    }
}

/// Who is looking, and the way out.
#[component]
fn UserMenu() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let who = Memo::new(move |_| {
        panel.model.with(|model| model.whoami.as_ref().map(|whoami| (whoami.sub.clone(), whoami.role)))
    });
    let name = move || who.get().map(|(name, _)| name).unwrap_or_default();
    let initial = move || name().chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let role = move || match who.get().and_then(|(_, role)| role) {
        Some(Role::Owner) => "Owner",
        Some(Role::Operator) => "Operator",
        Some(Role::Viewer) => "Viewer",
        None => "",
    };
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
            aria-label=move || format!("Account {}", name())
        >
            {initial}
        </button>
        <div id="user-menu" class="menu" popover="auto">
            <p class="menu-who">
                <strong>{name}</strong>
                <span>{role}</span>
            </p>
            <button class="quiet" type="button" data-testid="logout" on:click=log_out>
                "Log out"
            </button>
            <p class="menu-stuck" role="status">
                {move || stuck.get().then_some("Not logged out: Pinlatch cannot be reached.")}
            </p>
        </div>
    }
}
