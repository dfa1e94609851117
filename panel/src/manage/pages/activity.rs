//! The page with the audit log. The page shows new entries live, filters entries, and exports entries.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::admin::{AuditEntry, AuditFilter};

use crate::manage::activity::{Log, PAGE, export_goes_on, field, query, wanted};
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::doing::Doing;
use crate::manage::parts::field::{Field, Select};
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
    let entries = Memo::new(move |_| view.log.with(|log| log.entries.clone()));
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
    let filter = view! { <Filter first/> };
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
            <ol class="plate log" data-testid="log" aria-label=text::LIST>
                <For each=move || entries.get() key=|entry| entry.seq let:entry>
                    <Entry entry/>
                </For>
            </ol>
        </ListPage>
    }
}

#[component]
fn Entry(entry: AuditEntry) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let (tone, outcome) = text::outcome(&entry.outcome);
    let at = crate::platform::moment(entry.at_ms);
    let day = frame.moment(entry.at_ms);
    view! {
        <li class="entry" data-testid=format!("entry-{}", entry.seq) data-act=entry.act.clone() data-tone=tone.mark()>
            <time>
                <span>{day}</span>
                <span class="unseen">{crate::words::clock(at)}</span>
            </time>
            <span class="entry-who" data-part="actor">{text::actor(&entry.actor)}</span>
            <span class="entry-what">
                <strong>{text::act(&entry.act)}</strong>
                " "
                <span data-part="target">{text::target(&entry)}</span>
            </span>
            <span class="entry-outcome" data-part="outcome">{outcome}</span>
        </li>
    }
}

/// Shows the filter form.
#[component]
fn Filter(first: AuditFilter) -> impl IntoView {
    let view = expect_context::<View>();
    let of = |value: &Option<String>| RwSignal::new(value.clone().unwrap_or_default());
    let (actor, target) = (of(&first.actor), of(&first.target));
    let (act, outcome) = (of(&first.act), of(&first.outcome));
    let (since, until) = (of(&None), of(&None));
    let wrong = RwSignal::new("");
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let text_of = |value: RwSignal<String>| field(&value.get_untracked());
        let time = |value: RwSignal<String>| match value.get_untracked().as_str() {
            "" => Some(None),
            text => browser::local_time(text).map(Some),
        };
        let (Some(since_ms), Some(until_ms)) = (time(since), time(until)) else {
            return wrong.set(text::BAD_TIME);
        };
        wrong.set("");
        view.want(AuditFilter {
            before: None,
            actor: text_of(actor).map(|name| name.to_lowercase()),
            act: text_of(act),
            target: text_of(target),
            outcome: text_of(outcome),
            since_ms,
            until_ms,
        });
    };
    let clear = move || {
        for value in [actor, target, act, outcome, since, until] {
            value.set(String::new());
        }
        wrong.set("");
        view.want(AuditFilter::default());
    };
    let mut acts = vec![(String::new(), text::ANY.to_owned())];
    acts.extend(text::ACTS.map(|act| (act.to_owned(), text::act(act))));
    let mut outcomes = vec![(String::new(), text::ANY.to_owned())];
    outcomes.extend(text::OUTCOMES.map(|word| (word.to_owned(), text::outcome(word).1)));
    let is_open = first != AuditFilter::default();
    view! {
        <details class="plate filter" open=is_open>
            <summary data-testid="filter">{text::FILTER}</summary>
            <form class="form" on:submit=submit novalidate>
                <div class="columns">
                    <Field label=text::WHO id="filter-actor" value=actor hint=text::WHO_HINT/>
                    <Field label=text::TARGET id="filter-target" value=target hint=text::TARGET_HINT/>
                    <Select label=text::ACT id="filter-act" value=act options=acts/>
                    <Select label=text::OUTCOME id="filter-outcome" value=outcome options=outcomes/>
                    <Field label=text::SINCE id="filter-since" value=since kind="datetime-local"/>
                    <Field label=text::UNTIL id="filter-until" value=until kind="datetime-local"/>
                </div>
                <p class="hint" role="alert">{move || wrong.get()}</p>
                <div class="row">
                    <button class="primary" type="submit" data-testid="filter-go">
                        {text::APPLY}
                    </button>
                    <Button text=text::CLEAR test_id="filter-clear" on_press=clear/>
                </div>
            </form>
        </details>
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
