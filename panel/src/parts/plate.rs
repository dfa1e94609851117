//! A plate, which shows the heading and the lines of a device or a group.

use leptos::prelude::*;

use super::arrange::{Mover, drop_on};
use super::line::Line;
use crate::board::Plate;
use crate::live::Panel;
use crate::manage::page::Page;
use crate::model::Presence;
use crate::prefs::OrderKind;
use crate::visit::Visitor;
use crate::{platform, words};

/// The plates in the displayed order, provided as a context for the views of plates.
#[derive(Clone, Copy)]
pub struct Plates(pub Memo<Vec<Plate>>);

#[component]
pub fn PlateView(id: String) -> impl IntoView {
    let panel = expect_context::<Panel>();
    let Plates(plates) = expect_context::<Plates>();
    let Some(first) = plates.with_untracked(|all| all.iter().find(|plate| plate.id == id).cloned()) else {
        return ().into_any();
    };
    let Plate { title, device, .. } = first;
    let heading = format!("heading-{}", id.replace(' ', "-"));
    let test_id = match &device {
        Some(name) => format!("device-{name}"),
        None => format!("group-{title}"),
    };
    let id = StoredValue::new(id);
    let name = StoredValue::new(device.clone());
    let title = if device.is_some() { title } else { words::group(&title).to_owned() };
    let plate = Memo::new(move |_| {
        plates.with(|all| id.with_value(|id| all.iter().find(|plate| plate.id == *id).cloned()))
    });
    let lines = Memo::new(move |_| plate.get().map(|plate| plate.lines).unwrap_or_default());
    let elsewhere =
        Memo::new(move |_| plate.with(|plate| plate.as_ref().is_some_and(|plate| plate.elsewhere)));
    // A group has no presence.
    let presence = Memo::new(move |_| {
        name.with_value(|name| match name {
            Some(name) => panel.model.with(|model| model.presence(name)),
            None => Presence::Online,
        })
    });
    let site = platform::site().filter(|_| panel.visitor == Visitor::Person);
    let shown = match (&device, site) {
        (Some(device), Some(site)) => {
            let address = Page::Device(device.clone()).path(&site);
            view! { <a href=address>{title.clone()}</a> }.into_any()
        }
        _ => title.clone().into_any(),
    };
    let all =
        Memo::new(move |_| plates.with(|all| all.iter().map(|plate| plate.id.clone()).collect::<Vec<_>>()));
    let grouped = device.is_none();
    let mover = move || {
        panel
            .arranging
            .get()
            .then(|| view! { <Mover of=OrderKind::Plates id=id.get_value() title=title.clone() order=all/> })
    };

    view! {
        <section
            class="plate device"
            data-testid=test_id
            data-online=move || (presence.get() != Presence::Offline).to_string()
            data-presence=move || presence.get().mark()
            aria-labelledby=heading.clone()
            on:dragover=move |event| {
                if panel.arranging.get_untracked() {
                    event.prevent_default();
                }
            }
            on:drop=move |event| {
                event.prevent_default();
                drop_on(panel, plate, None);
            }
        >
            <header class="device-head">
                <h2 id=heading.clone()>{shown}</h2>
                {device.is_some().then(|| view! { <PresenceText panel name presence/> })}
                {mover}
            </header>
            <div class="lines">
                <For each=move || lines.get() key=Clone::clone let:line>
                    <Line key=line.0 kind=line.1 plate grouped/>
                </For>
                {move || {
                    let text = if elsewhere.get() { words::ELSEWHERE } else { words::NO_LINES };
                    lines.with(Vec::is_empty).then(|| view! { <p class="no-lines">{text}</p> })
                }}
            </div>
        </section>
    }
    .into_any()
}

/// Shows whether a device is online and answers, and the round-trip time of its last command. For an offline device, the text
/// contains the time since the last contact.
#[component]
fn PresenceText(
    panel: Panel,
    name: StoredValue<Option<pinlatch_protocol::name::Name>>,
    presence: Memo<Presence>,
) -> impl IntoView {
    let text = Memo::new(move |_| {
        let presence = presence.get();
        if presence != Presence::Offline {
            return words::presence(presence, None);
        }
        let now = panel.now.get();
        let gone = name.with_value(|name| {
            panel.model.with(|model| {
                let seen = model.device(name.as_ref()?)?.last_seen_ms?;
                Some(model.edge_ms(now).saturating_sub(seen))
            })
        });
        words::presence(presence, gone)
    });
    let took = Memo::new(move |_| {
        let _ = panel.timed.get();
        let took = name.with_value(|name| panel.model.with(|model| model.answered_in(name.as_ref()?)));
        took.filter(|_| presence.get() == Presence::Online && panel.visitor == Visitor::Person)
            .map(words::answered)
    });
    view! {
        <p class="presence">
            <span class="presence-lamp"></span>
            {move || text.get()}
            <span class="presence-took">{move || took.get()}</span>
        </p>
    }
}
