//! The entries of the audit log, grouped by day.

use leptos::prelude::*;
use pinlatch_protocol::audit::AuditEntry;
use pinlatch_protocol::audit::words::Sentence;

use super::receipt::Receipt;
use crate::manage::activity::Log;
use crate::manage::words::activity as text;
use crate::platform;
use crate::words::Moment;

const DAY_MS: u64 = 86_400_000;

/// The year, the month and the day of the month in the browser's time zone.
type Date = (u32, u32, u32);

fn date(at: Moment) -> Date {
    (at.year, at.month, at.day)
}

#[component]
pub fn Days(log: RwSignal<Log>) -> impl IntoView {
    let entries = Memo::new(move |_| {
        let dated = |entry: &AuditEntry| (date(platform::moment(entry.at_ms)), entry.clone());
        log.with(|log| log.entries.iter().map(dated).collect::<Vec<_>>())
    });
    // If the clock of the edge was corrected, the entries of one day can have gaps. Each day has one group.
    let days = Memo::new(move |_| {
        let mut days: Vec<(Date, u64)> = Vec::new();
        entries.with(|entries| {
            for (day, entry) in entries {
                if days.iter().all(|(known, _)| known != day) {
                    days.push((*day, entry.at_ms));
                }
            }
        });
        days
    });
    view! {
        <div class="days" data-testid="log" aria-label=text::LIST role="group">
            <For each=move || days.get() key=|(day, _)| *day let:item>
                {
                    let (day, at_ms) = item;
                    let own = move || {
                        let of_day = |(own, _): &&(Date, AuditEntry)| *own == day;
                        entries.with(|all| all.iter().filter(of_day).map(|(_, entry)| entry.clone()).collect::<Vec<_>>())
                    };
                    let heading = move || {
                        // The names "today" and "yesterday" change while the page is open.
                        entries.track();
                        let now_ms = platform::now_ms();
                        let [now, yesterday] = [now_ms, now_ms.saturating_sub(DAY_MS)].map(platform::moment);
                        text::day(platform::moment(at_ms), now, yesterday)
                    };
                    view! {
                        <section class="day">
                            <h2 class="day-head">{heading}</h2>
                            <ol class="plate log">
                                <For each=own key=|entry| entry.seq let:entry>
                                    <Entry entry/>
                                </For>
                            </ol>
                        </section>
                    }
                }
            </For>
        </div>
    }
}

/// Shows one entry as a sentence. A click shows the technical ids and the receipt.
#[component]
fn Entry(entry: AuditEntry) -> impl IntoView {
    let sentence = Sentence::of(&entry);
    let at = platform::moment(entry.at_ms);
    let (minutes, seconds) = text::time(at);
    let is_open = RwSignal::new(false);
    let test_id = format!("entry-{}", entry.seq);
    let (act, tone) = (entry.act.clone(), text::mark(sentence.tone));
    let actor = sentence.actor.map(|actor| {
        let kind =
            sentence.actor_kind.map(|kind| view! { " " <span class="entry-kind">{text::kind(kind)}</span> });
        view! { <span data-part="actor"><strong>{actor}</strong>{kind}</span>" " }
    });
    let receipt = StoredValue::new(entry.receipt.clone());
    let mark = entry.receipt.is_some().then(|| {
        view! { " " <span class="tag" data-part="receipt">{text::RECEIPT}</span> }
    });
    let happened = sentence.happened_ms.map(|ms| {
        let words = text::happened(platform::moment(ms), at);
        view! { <span class="entry-kind" data-part="happened">", " {words}</span> }
    });
    let entry = StoredValue::new(entry);
    let ids = move || {
        let facts = entry.with_value(text::ids);
        facts
            .into_iter()
            .map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> })
            .collect_view()
    };
    view! {
        <li class="entry" data-testid=test_id data-act=act data-tone=tone>
            <details>
                // The ids are drawn at the first click, because most people never need them.
                <summary on:click=move |_| is_open.set(true)>
                    <time>{minutes}<span class="seconds">{seconds}</span></time>
                    <span class="entry-what">{actor}<span data-part="what">{sentence.text}</span>{happened}{mark}</span>
                    <span class="entry-outcome" data-part="outcome">{sentence.outcome}</span>
                </summary>
                <Show when=move || is_open.get()>
                    <dl class="facts ids" data-part="ids">{ids}</dl>
                    {receipt.get_value().map(|receipt| view! { <Receipt receipt/> })}
                </Show>
            </details>
        </li>
    }
}
