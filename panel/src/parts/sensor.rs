//! The reading of a sensor, and the curve of its readings since the page was opened.

use leptos::prelude::*;

use super::handle::Handle;
use crate::model::trace::{HEIGHT, WIDTH};
use crate::words;

#[component]
pub fn Reading(line: Handle) -> impl IntoView {
    let ten_seconds = Memo::new(move |_| line.ten_seconds());
    let trace = Memo::new(move |_| {
        let _ = ten_seconds.get();
        line.trace()
    });
    let drawn = Memo::new(move |_| trace.with(Option::is_some));
    let label = move || trace.with(|trace| trace.as_ref().map(|(_, range)| words::line::range_since(range)));
    view! {
        <p class="reading">{move || line.reported()}</p>
        {move || drawn.get().then(|| view! {
            <svg
                class="trace"
                viewBox=format!("0 0 {WIDTH} {HEIGHT}")
                preserveAspectRatio="none"
                role="img"
                aria-label=label
                data-testid=line.test_id("trace")
            >
                <path d=move || trace.get().map(|(path, _)| path)></path>
            </svg>
            <p class="trace-range" aria-hidden="true">{move || trace.get().map(|(_, range)| range)}</p>
        })}
    }
}
