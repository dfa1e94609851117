//! The control panel proper: header, devices, and what is said aloud.

use leptos::prelude::*;

use crate::link::State;
use crate::live::Panel;
use crate::model::Model;
use crate::parts::device::Device;
use crate::parts::header::Header;
use crate::parts::icon::{Icon, IconKind};
use crate::parts::visit::Visit;
use crate::session::Session;
use crate::visit::Visitor;

/// Everything that somebody sees who is logged in, or has a guest link open.
#[component]
pub fn Control(session: RwSignal<Session>) -> impl IntoView {
    let panel = Panel::start(session);
    provide_context(panel);
    let names = Memo::new(move |_| panel.model.with(Model::names));
    let filled = Memo::new(move |_| panel.model.with(Model::is_filled));
    let stale = Memo::new(move |_| filled.get() && !panel.is_connected());
    let offline = Memo::new(move |_| panel.link.get() == State::Offline);

    let guest = panel.visitor == Visitor::Guest;

    view! {
        <Header/>
        {guest.then(|| view! { <Visit/> })}
        <main class="board" data-stale=move || stale.get().to_string() aria-busy=move || (!filled.get()).to_string()>
            <Show when=move || stale.get()>
                <p class="notice notice-offline stale-note" data-testid="stale">
                    <Icon kind=IconKind::Offline/>
                    <span>
                        {move || if offline.get() { "This browser has no network. " } else { "Not connected. " }}
                        "What you see is the last known state; it may have changed since."
                    </span>
                </p>
            </Show>
            <Show when=move || filled.get() fallback=Waiting>
                <Show when=move || !names.with(Vec::is_empty) fallback=move || view! { <Empty guest/> }>
                    <For each=move || names.get() key=Clone::clone let:name>
                        <Device name/>
                    </For>
                </Show>
            </Show>
        </main>
        <p class="unseen" aria-live="polite" data-testid="said">{move || panel.said.get()}</p>
    }
}

/// Until the first snapshot.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="plate ghost"><span></span><span></span><span></span></div>
    }
}

/// A site without devices, or a guest's part of one.
#[component]
fn Empty(guest: bool) -> impl IntoView {
    if guest {
        return view! {
            <section class="plate empty" data-testid="empty">
                <h2>"Nothing here now"</h2>
                <p>"The device that this link is for is not set up at present. It appears here as soon as it is."</p>
            </section>
        }
        .into_any();
    }
    view! {
        <section class="plate empty" data-testid="empty">
            <h2>"No devices yet"</h2>
            <p>"Enrol the first one from the owner's command line:"</p>
            <pre><code>"pinlatch device enrol NAME"</code></pre>
            <p>"Then run the line that it prints on the device. It appears here as soon as it connects."</p>
        </section>
    }
    .into_any()
}
