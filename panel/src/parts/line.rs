//! The view of one line, with its name, its reported level and the control for its kind.

use leptos::prelude::*;
use pinlatch_protocol::line::{Level, LineKind};

use super::arrange::{Arrange, drop_on};
use super::colour::Colour;
use super::contact::{Contact, Press};
use super::handle::Handle;
use super::momentary::Momentary;
use super::notice::Notice;
use super::number::Slider;
use super::sensor::Reading;
use super::switch::Switch;
use crate::board::Plate;
use crate::live::Panel;
use crate::model::Key;
use crate::ui::icon::{Icon, IconKind};
use crate::words;

/// Shows one line on the plate of a device or of a group.
#[component]
pub fn Line(key: Key, kind: LineKind, plate: Memo<Option<Plate>>, grouped: bool) -> impl IntoView {
    let heading = format!("heading-{}-{}", key.device, key.line);
    let labelled = heading.clone();
    let test_id = format!("line-{}-{}", key.device, key.line);
    let title = words::title(key.line.as_str());
    let device = grouped.then(|| words::title(key.device.as_str()));
    let panel = expect_context::<Panel>();
    let line = Handle::new(panel, key, kind);
    let arranging = move || panel.arranging.get();
    let drag = move |event: leptos::ev::DragEvent| {
        if let Some(transfer) = event.data_transfer() {
            let _ = transfer.set_data("text/plain", &line.id());
        }
        panel.dragged.set_value(Some(line.key()));
    };
    let dropped = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        event.stop_propagation();
        drop_on(panel, plate, Some(line.id()));
    };

    let mark = move || words::level_mark(line.level().as_ref());
    let state = move || {
        line.command.with(|state| match (&state.pending, &state.answer) {
            (Some(_), _) => "pending",
            (None, _) if !line.online.get() => "offline",
            (None, Some(answer)) => words::outcome_mark(&answer.outcome),
            (None, None) => "idle",
        })
    };

    view! {
        <section
            class="line"
            role="group"
            data-testid=test_id
            data-kind=kind.to_string()
            data-level=mark
            data-state=state
            data-blinking=move || line.view.with(|view| view.as_ref().is_some_and(|view| view.blinking)).to_string()
            data-stale=move || line.is_stale().to_string()
            aria-busy=move || line.is_pending().to_string()
            aria-labelledby=labelled
            draggable=move || arranging().to_string()
            on:dragstart=drag
            on:dragend=move |_| panel.dragged.set_value(None)
            on:drop=dropped
        >
            <header class="line-head">
                <Icon kind=IconKind::Line(kind)/>
                <h3 id=heading>{title}</h3>
                {device.map(|device| view! { <span class="line-device">{device}</span> })}
                {(kind == LineKind::Contact).then(|| view! { <Press line/> })}
                <Lamp line/>
            </header>
            <p class="readout">
                <span class="readout-stale">{move || (line.is_stale() && line.level().is_some()).then_some(words::line::LAST_KNOWN)}</span>
                <strong>{move || line.reported()}</strong>
                <span class="readout-since">
                    {move || if line.is_unknown() { Some(words::line::NO_LEVEL.into()) } else { line.since() }}
                </span>
            </p>
            {move || if arranging() {
                view! { <Arrange line plate/> }.into_any()
            } else {
                view! { <Operate line/> }.into_any()
            }}
        </section>
    }
}

/// Shows the control for the kind of the line, and the notice of the line.
#[component]
fn Operate(line: Handle) -> impl IntoView {
    view! {
            <div class="control">
                {match line.kind {
                    LineKind::Switch => view! { <Switch line/> }.into_any(),
                    LineKind::Momentary => view! { <Momentary line/> }.into_any(),
                    LineKind::Rgb => view! { <Colour line/> }.into_any(),
                    LineKind::Dimmer | LineKind::Servo => view! { <Slider line/> }.into_any(),
                    LineKind::Contact => view! { <Contact line/> }.into_any(),
                    LineKind::Sensor => view! { <Reading line/> }.into_any(),
                }}
            </div>
            {move || line.needs_holder().then(|| view! {
                <p class="holder-note">
                    <Icon kind=IconKind::Key/>
                    <span>{words::line::HOLDER}</span>
                </p>
            })}
            // Only a line with actions has notices.
            {(!line.kind.actions().is_empty()).then(|| view! { <Notice line/> })}
    }
}

/// Shows the reported level as a lamp. The lamp is on, off or coloured. If the level is unknown, the lamp shows a
/// question mark.
#[component]
fn Lamp(line: Handle) -> impl IntoView {
    let light = move || match (line.kind, line.level()) {
        (_, Some(Level::Colour(colour))) => colour.to_string(),
        (LineKind::Dimmer, Some(Level::Number(part))) => {
            format!("color-mix(in oklab, var(--lamp-on) {:.0}%, var(--lamp-off))", part * 100.0)
        }
        _ => String::new(),
    };
    view! {
        <span class="lamp" style=("--lamp", light) aria-hidden="true">
            {move || line.level().is_none().then_some("?")}
        </span>
    }
}
