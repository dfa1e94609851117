//! The page with the audit log. The page shows new entries live, filters entries, and exports entries.

mod days;
mod filter;
mod receipt;

use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::audit::AuditFilter;

use self::days::Days;
use self::filter::Filter;
use crate::manage::activity::{Log, PAGE, export_goes_on, query, wanted};
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::doing::Doing;
use crate::manage::parts::frame::{Frame, every};
use crate::manage::parts::list::{ListPage, Loading};
use crate::manage::words::activity as text;
use crate::manage::{browser, call};

/// The interval between two requests for new entries, in seconds.
const AGAIN_S: u64 = 4;

/// The state of the page: the loaded entries, the filter and the running request.
#[derive(Clone, Copy)]
struct View {
    frame: Frame,
    log: RwSignal<Log>,
    filter: RwSignal<AuditFilter>,
    /// A counter that increases with every new filter. A response for an older filter is discarded.
    turn: RwSignal<u32>,
    is_known: RwSignal<bool>,
    is_live: RwSignal<bool>,
    doing: Doing,
}

impl View {
    /// Loads the newest entries.
    fn load(&self) {
        let view = *self;
        let turn = view.turn.get_untracked();
        let query = view.filter.with_untracked(|filter| query(filter, None));
        let work = async move { call::audit(&query, PAGE).await };
        view.doing.run(Box::pin(work), move |page| {
            if view.turn.get_untracked() != turn {
                return view.load();
            }
            let first = !view.is_known.get_untracked();
            if first || view.log.with_untracked(|log| log.is_behind(&page)) {
                let count = view.log.try_update(|log| log.newest(page)).unwrap_or_default();
                if !first && count > 0 {
                    view.frame.say(&text::news(count));
                }
            }
            view.is_known.set(true);
        });
    }

    /// Loads the next older entries.
    fn more(&self) {
        let view = *self;
        let Some(before) = view.log.with_untracked(|log| log.next) else { return };
        let turn = view.turn.get_untracked();
        let query = view.filter.with_untracked(|filter| query(filter, Some(before)));
        let work = async move { call::audit(&query, PAGE).await };
        view.doing.run(Box::pin(work), move |page| {
            if view.turn.get_untracked() == turn {
                view.log.update(|log| log.older(page));
            } else {
                view.load();
            }
        });
    }

    /// Sets a new filter and loads the entries that match the filter.
    fn want(&self, filter: AuditFilter) {
        self.filter.set(filter);
        self.turn.update(|turn| *turn += 1);
        self.log.set(Log::default());
        self.is_known.set(false);
        self.load();
    }
}

#[component]
pub fn Activity() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let first = wanted(&browser::query());
    let view = View {
        frame,
        log: RwSignal::new(Log::default()),
        filter: RwSignal::new(first.clone()),
        turn: RwSignal::new(0),
        is_known: RwSignal::new(false),
        is_live: RwSignal::new(true),
        doing: Doing::read(),
    };
    provide_context(view);
    view.load();
    every(AGAIN_S, move || {
        if view.is_live.get_untracked() {
            view.load();
        }
    });
    let has_more = Memo::new(move |_| view.log.with(|log| log.next.is_some()));
    let kept = Memo::new(move |_| view.log.with(|log| log.keep_days));
    let none = Memo::new(move |_| {
        (view.is_known.get() && view.log.with(|log| log.entries.is_empty())).then_some(text::NONE)
    });
    let loading = Loading { doing: view.doing, is_known: view.is_known.into(), retry: None };
    let buttons = view! {
        <label class="check">
            <input
                type="checkbox"
                role="switch"
                data-testid="live"
                prop:checked=move || view.is_live.get()
                on:change=move |event| view.is_live.set(event_target_checked(&event))
            />
            {text::LIVE}
        </label>
        <Export/>
    };
    let want = Callback::new(move |filter| view.want(filter));
    let filter = view! { <Filter first log=view.log want/> };
    let below = view! {
        <Show when=move || has_more.get()>
            <Button text=text::OLDER test_id="older" on_press=move || view.more()/>
        </Show>
        <p class="hint">{move || (kept.get() > 0).then(|| text::kept(kept.get()))}</p>
    };
    view! {
        <ListPage
            page=Page::Activity
            buttons=buttons.into_any()
            filter=filter.into_any()
            loading
            none
            below=below.into_any()
        >
            <Days log=view.log/>
        </ListPage>
    }
}

/// Shows a button that saves the filtered log as a file.
#[component]
fn Export() -> impl IntoView {
    let view = expect_context::<View>();
    let busy = RwSignal::new(false);
    let go = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let outcome = all(view).await;
            if busy.try_set(false).is_some() {
                return;
            }
            match outcome {
                Ok(lines) => {
                    let name = format!("pinlatch-{}-activity.jsonl", view.frame.site());
                    browser::save(&name, "application/jsonl", &lines);
                }
                Err(failure) => view.doing.fail(view.frame.failure(&failure, false)),
            }
        });
    };
    view! {
        <button
            class="quiet"
            type="button"
            data-testid="export"
            aria-busy=move || busy.get().to_string()
            disabled=move || busy.get()
            on:click=go
        >
            {move || if busy.get() { text::EXPORTING } else { text::EXPORT }}
        </button>
    }
}

/// Returns all entries that match the filter, as JSON Lines. Several calls are necessary, because the edge returns a
/// limited number of entries for each call.
async fn all(view: View) -> Result<String, crate::api::Failure> {
    let filter = view.filter.get_untracked();
    let mut lines = String::new();
    let mut before = None;
    loop {
        let part = call::export(&query(&filter, before)).await?;
        let last = export_goes_on(&part);
        lines.push_str(&part);
        if last.is_none() || last == before {
            return Ok(lines);
        }
        before = last;
    }
}
