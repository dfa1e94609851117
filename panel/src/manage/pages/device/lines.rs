//! The table with the lines of a device. A button in each row asks the device for a signed reading of the line.

use leptos::prelude::*;
use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;

use super::now;
use super::reading::ReadingDialog;
use crate::manage::parts::button::Button;
use crate::manage::parts::frame::Frame;
use crate::manage::words::{devices as text, reading};
use crate::model::Key;
use crate::words::{ago, level_mark, reported, title};

#[component]
pub fn Lines(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let name = StoredValue::new(name);
    let asked = RwSignal::new(None::<Key>);
    let lines = Memo::new(move |_| {
        let device = now(frame, &name.get_value());
        device
            .map(|device| device.lines.iter().map(|line| (line.name.clone(), line.kind)).collect())
            .unwrap_or_default()
    });
    let [line, kind, level, desired, changed] = text::COLUMNS;
    view! {
        <section class="plate">
            <h2 class="part-head">{text::LINES}</h2>
            <Show
                when=move || !lines.with(Vec::is_empty)
                fallback=|| view! { <p class="plate-text">{text::NO_LINES}</p> }
            >
                <table class="table line-table" data-testid="lines">
                    <thead>
                        <tr>
                            <th scope="col">{line}</th>
                            <th scope="col">{kind}</th>
                            <th scope="col">{level}</th>
                            <th scope="col">{desired}</th>
                            <th scope="col">{changed}</th>
                            <th scope="col">
                                <span class="unseen">{reading::TITLE}</span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || lines.get() key=Clone::clone let:line>
                            <Line key=Key { device: name.get_value(), line: line.0 } kind=line.1 asked/>
                        </For>
                    </tbody>
                </table>
            </Show>
        </section>
        {move || asked.get().map(|line| view! { <ReadingDialog line on_close=move |()| asked.set(None)/> })}
    }
}

#[component]
fn Line(
    key: Key,
    kind: LineKind,
    /// The line whose signed reading is shown.
    asked: RwSignal<Option<Key>>,
) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let [_, kind_head, level_head, desired_head, changed_head] = text::COLUMNS;
    let (test_id, button_id) = (format!("line-{}", key.line), format!("read-{}", key.line));
    let shown = title(key.line.as_str());
    let about = shown.clone();
    let key = StoredValue::new(key);
    let line = Memo::new(move |_| frame.panel.model.with(|model| model.line(&key.get_value()).cloned()));
    let of = move |fact: fn(&LineView) -> Option<String>| {
        line.with(|line| line.as_ref().and_then(fact)).unwrap_or_else(|| text::DASH.into())
    };
    let mark = move || line.with(|line| level_mark(line.as_ref().and_then(|line| line.reported.as_ref())));
    let changed = move || {
        let edge_ms = frame.panel.model.with(|model| model.edge_ms(frame.panel.now.get()));
        let changed = line.with(|line| line.as_ref().and_then(|line| line.changed_ms));
        changed.map_or_else(|| text::DASH.into(), |at| ago(edge_ms.saturating_sub(at)))
    };
    view! {
        <tr data-testid=test_id data-level=mark>
            <th scope="row">{shown}</th>
            <td data-label=kind_head>{text::kind(kind)}</td>
            <td data-label=level_head>{move || of(|line| Some(reported(line)))}</td>
            <td data-label=desired_head>{move || of(text::desired)}</td>
            <td data-label=changed_head>{changed}</td>
            <td class="line-actions">
                <Button
                    text=reading::TITLE
                    test_id=button_id
                    about
                    on_press=move || asked.set(Some(key.get_value()))
                />
            </td>
        </tr>
    }
}
