//! One device: its name, whether it is there, its lines.

use leptos::prelude::*;
use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::Name;

use super::line::Line;
use crate::live::Panel;
use crate::model::Key;
use crate::words;

/// A device's plate.
#[component]
pub fn Device(name: Name) -> impl IntoView {
    let panel = expect_context::<Panel>();
    let title = words::title(name.as_str());
    let test_id = format!("device-{name}");
    let heading = format!("heading-{name}");
    let labelled = heading.clone();
    let name = StoredValue::new(name);

    let online = Memo::new(move |_| {
        panel.model.with(|model| model.device(&name.get_value()).is_some_and(|device| device.online))
    });
    let lines = Memo::new(move |_| {
        let listed = |model: &crate::model::Model| {
            let lines =
                model.device(&name.get_value()).map(|device| device.lines.as_slice()).unwrap_or_default();
            lines.iter().map(|line| (line.name.clone(), line.kind)).collect::<Vec<(Name, LineKind)>>()
        };
        panel.model.with(listed)
    });
    let presence = Memo::new(move |_| {
        let edge_ms = panel.model.with(|model| model.edge_ms(panel.now.get()));
        let seen =
            panel.model.with(|model| model.device(&name.get_value()).and_then(|device| device.last_seen_ms));
        match (online.get(), seen) {
            (true, _) => "online".to_owned(),
            (false, Some(seen)) => format!("offline, last seen {}", words::ago(edge_ms.saturating_sub(seen))),
            (false, None) => "offline, never seen".to_owned(),
        }
    });

    view! {
        <section
            class="plate device"
            data-testid=test_id
            data-online=move || online.get().to_string()
            aria-labelledby=labelled
        >
            <header class="device-head">
                <h2 id=heading>{title}</h2>
                <p class="presence">
                    <span class="presence-lamp"></span>
                    {move || presence.get()}
                </p>
            </header>
            <div class="lines">
                <For each=move || lines.get() key=Clone::clone let:line>
                    <Line key=Key { device: name.get_value(), line: line.0 } kind=line.1/>
                </For>
                <Show when=move || lines.with(Vec::is_empty)>
                    <p class="no-lines">"This device has no lines that you may see."</p>
                </Show>
            </div>
        </section>
    }
}
