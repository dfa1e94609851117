//! The board of devices with its header, tools, plates and announcements.

use leptos::html::Input;
use leptos::leptos_dom::helpers::window_event_listener;
use leptos::prelude::*;
use pinlatch_protocol::scope::SiteRight;

use crate::board;
use crate::link::State;
use crate::live::Panel;
use crate::manage::page::Page;
use crate::model::Model;
use crate::parts::header::Header;
use crate::parts::other_login::OtherLogin;
use crate::parts::plate::{PlateView, Plates};
use crate::parts::visit::Visit;
use crate::session::Session;
use crate::ui::dialog::Confirm;
use crate::ui::icon::{Icon, IconKind};
use crate::ui::page;
use crate::ui::skip::MAIN;
use crate::visit::Visitor;
use crate::{platform, words};

/// Draws the board for a logged-in person or a guest.
pub fn mount() {
    page::take(|| view! { <Control/> });
}

#[component]
fn Control() -> impl IntoView {
    let session = RwSignal::new(Session::Control);
    Effect::new(move |_| {
        if let Session::Over { ended } = session.get() {
            // The page is reloaded, because login is a separate program.
            platform::keep_end(ended);
            platform::reload();
        }
    });
    let panel = Panel::start(session, false);
    provide_context(panel);
    let shape = Memo::new(move |_| panel.model.with(Model::shape));
    let plates = Memo::new(move |_| {
        // The code reads the value, because `track` alone does not keep a memo up to date.
        let _ = shape.get();
        let (prefs, search) = (panel.prefs.read(), panel.search.read());
        panel.model.with_untracked(|model| board::plates(model, &prefs, &search))
    });
    provide_context(Plates(plates));
    let filled = Memo::new(move |_| panel.model.with(Model::is_filled));
    let stale = Memo::new(move |_| filled.get() && !panel.is_connected());
    let guest = panel.visitor == Visitor::Guest;
    let empty = move || {
        if panel.search.with(String::is_empty) {
            Empty(EmptyProps { guest }).into_any()
        } else {
            Nothing().into_any()
        }
    };

    // A key that is held down repeats the click of a button, but one press of a key is one intent.
    let repeats = window_event_listener(leptos::ev::keydown, move |event| {
        let on_button = document().active_element().is_some_and(|active| active.tag_name() == "BUTTON");
        if event.repeat() && on_button && matches!(event.key().as_str(), "Enter" | " ") {
            event.prevent_default();
        }
    });
    on_cleanup(move || repeats.remove());

    view! {
        <Header/>
        {guest.then(|| view! { <Visit/> })}
        <main
            id=MAIN
            class="board"
            data-visitor=if guest { "guest" } else { "person" }
            data-stale=move || stale.get().to_string()
            data-arranging=move || panel.arranging.get().to_string()
            aria-busy=move || (!filled.get()).to_string()
        >
            {(!guest).then(|| view! { <Tools filled/> })}
            {panel.is_other_login.then(OtherLogin)}
            {move || (panel.newer.get() && !stale.get()).then(Newer)}
            {move || stale.get().then(Stale)}
            {move || match (filled.get(), plates.with(Vec::is_empty)) {
                (false, _) => Waiting().into_any(),
                (true, true) => empty(),
                (true, false) => view! {
                    <For each=move || plates.with(|all| all.iter().map(|plate| plate.id.clone()).collect::<Vec<_>>()) key=Clone::clone let:id>
                        <PlateView id/>
                    </For>
                }.into_any(),
            }}
        </main>
        <Confirm question=panel.question/>
        <p class="unseen" aria-live="polite" data-testid="said">{move || panel.said.get()}</p>
    }
}

/// Shows the search field and the button for arranging.
#[component]
fn Tools(filled: Memo<bool>) -> impl IntoView {
    let panel = expect_context::<Panel>();
    let input = NodeRef::<Input>::new();
    // The key `/` moves the focus to the search field, as on many websites.
    let listener = window_event_listener(leptos::ev::keydown, move |event| {
        let free = document().active_element().is_none_or(|active| active.tag_name() != "INPUT");
        let asked = event.key() == "/" && free && !event.ctrl_key() && !event.meta_key();
        if let Some(input) = input.get_untracked().filter(|_| asked) {
            event.prevent_default();
            let _ = input.focus();
        }
    });
    on_cleanup(move || listener.remove());
    let arrange = move |_| {
        panel.question.set(None);
        panel.arranging.update(|arranging| *arranging = !*arranging);
    };
    view! {
        <div class="tools" hidden=move || !filled.get()>
            <div class="search" role="search">
                <Icon kind=IconKind::Search/>
                <input
                    type="search"
                    node_ref=input
                    aria-label=words::SEARCH
                    placeholder=words::SEARCH
                    autocomplete="off"
                    spellcheck="false"
                    maxlength="80"
                    data-testid="search"
                    on:input:target=move |event| panel.search.set(event.target().value())
                />
            </div>
            <button
                type="button"
                class="quiet"
                data-testid="arrange"
                aria-pressed=move || panel.arranging.get().to_string()
                on:click=arrange
            >
                {move || if panel.arranging.get() { words::ARRANGE.1 } else { words::ARRANGE.0 }}
            </button>
            <p class="hint" hidden=move || !panel.arranging.get()>{words::ARRANGE_HINT}</p>
        </div>
    }
}

/// Shows a notice that the displayed state may be out of date.
#[component]
fn Stale() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let text =
        move || if panel.link.get() == State::Offline { words::STALE_NO_NETWORK } else { words::STALE };
    view! {
        <p class="notice notice-offline stale-note" data-testid="stale">
            <Icon kind=IconKind::Offline/>
            <span>{text}</span>
        </p>
    }
}

#[component]
fn Newer() -> impl IntoView {
    view! {
        <p class="notice notice-differ stale-note newer" role="status" data-testid="newer">
            <Icon kind=IconKind::Differ/>
            <span>{words::NEWER}</span>
            <button type="button" class="quiet" data-testid="load-newer" on:click=|_| platform::reload()>{words::LOAD_NEWER}</button>
        </p>
    }
}

/// Shows a placeholder until the first snapshot arrives.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="plate ghost"><span></span><span></span><span></span></div>
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <section class="plate empty" role="status" data-testid="nothing"><p>{words::NOTHING_FOUND}</p></section>
    }
}

/// Shows a text if there are no devices.
#[component]
fn Empty(guest: bool) -> impl IntoView {
    let panel = expect_context::<Panel>();
    // Only a person with this permission can enrol a device.
    let enrol = panel.model.with_untracked(|model| {
        let viewer = model.whoami.as_ref()?;
        viewer.scope.allows_site(SiteRight::Devices).then(|| Page::Devices.path(&viewer.site) + Page::ENROL)
    });
    let [heading, text] = match (guest, &enrol) {
        (true, _) => words::EMPTY_GUEST,
        (false, Some(_)) => words::EMPTY,
        (false, None) => words::EMPTY_VIEWER,
    };
    view! {
        <section class="plate empty" data-testid="empty">
            <h2>{heading}</h2>
            <p>{text}</p>
            {enrol
                .filter(|_| !guest)
                .map(|address| view! { <a class="primary as-button" href=address data-testid="enrol">{words::ENROL}</a> })}
        </section>
    }
}
