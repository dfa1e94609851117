//! The filter of the audit log. The lists of the filter contain what can be in the log.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::audit::AuditFilter;
use pinlatch_protocol::scope::SiteRight;

use crate::manage::activity::choices::{self, Choice, Known, Target};
use crate::manage::activity::{Log, field};
use crate::manage::parts::button::Button;
use crate::manage::parts::field::Field;
use crate::manage::parts::frame::Frame;
use crate::manage::words::activity as text;
use crate::manage::{browser, call};

/// The id of the list of targets.
const TARGETS: &str = "filter-targets";

/// Loads the people and the tokens, if the viewer may see them. Without them, the lists contain the devices and what is
/// in the loaded entries.
fn load(frame: Frame, known: RwSignal<Known>) {
    let devices = frame.panel.model.with_untracked(|model| {
        let devices = model.names().into_iter().filter_map(|name| {
            let lines = model.device(&name)?.lines.iter().map(|line| line.name.clone()).collect();
            Some((name, lines))
        });
        devices.collect()
    });
    known.update(|known| known.devices = devices);
    let may = |right| frame.rights.with_untracked(|rights| rights.may(right));
    if may(SiteRight::Users) {
        spawn_local(async move {
            if let Ok(people) = call::people().await {
                known.try_update(|known| known.people = people);
            }
        });
    }
    if may(SiteRight::Tokens) {
        spawn_local(async move {
            if let Ok(tokens) = call::tokens().await {
                known.try_update(|known| known.tokens = tokens);
            }
        });
    }
}

/// Shows the filter form.
#[component]
pub fn Filter(first: AuditFilter, log: RwSignal<Log>, want: Callback<AuditFilter>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let is_open = first != AuditFilter::default();
    let known = RwSignal::new(Known::default());
    let is_loaded = StoredValue::new(false);
    let load_once = move || {
        if !is_loaded.get_value() {
            is_loaded.set_value(true);
            load(frame, known);
        }
    };
    if is_open {
        load_once();
    }
    let of = |value: &Option<String>| RwSignal::new(value.clone().unwrap_or_default());
    let (actor, target) = (of(&first.actor), of(&first.target.clone().or(first.about.clone())));
    let (act, outcome) = (of(&first.act), RwSignal::new(choices::outcome_with(first.outcome.as_deref())));
    let (since, until) = (of(&None), of(&None));
    let wrong = RwSignal::new("");
    let targets = Memo::new(move |_| known.with(choices::targets));
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
        let found = targets.with_untracked(|targets| choices::target_of(&target.get_untracked(), targets));
        let (target, about) = match found {
            Some(Target::Exact(value)) => (Some(value), None),
            Some(Target::Part(text)) => (None, Some(text)),
            None => (None, None),
        };
        want.run(AuditFilter {
            before: None,
            actor: text_of(actor),
            act: text_of(act),
            target,
            about,
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
        want.run(AuditFilter::default());
    };
    let actors = Memo::new(move |_| {
        let chosen = field(&actor.get());
        known.with(|known| log.with(|log| choices::actors(known, &log.entries, chosen.as_deref())))
    });
    let outcomes = Memo::new(move |_| log.with(|log| choices::outcomes(&log.entries)));
    let acts = Memo::new(move |_| text::ACTS.map(|act| (act.to_owned(), text::act(act))).to_vec());
    view! {
        <details class="plate filter" open=is_open>
            <summary data-testid="filter" on:click=move |_| load_once()>{text::FILTER}</summary>
            <form class="form" on:submit=submit novalidate>
                <div class="columns">
                    <Pick label=text::WHO id="filter-actor" value=actor choices=actors/>
                    <Field label=text::TARGET id="filter-target" value=target hint=text::TARGET_HINT list=TARGETS/>
                    <Pick label=text::ACT id="filter-act" value=act choices=acts/>
                    <Pick label=text::OUTCOME id="filter-outcome" value=outcome choices=outcomes/>
                    <Field label=text::SINCE id="filter-since" value=since kind="datetime-local"/>
                    <Field label=text::UNTIL id="filter-until" value=until kind="datetime-local"/>
                </div>
                <datalist id=TARGETS>
                    {move || {
                        targets.get().into_iter().map(|(_, text)| view! { <option value=text></option> }).collect_view()
                    }}
                </datalist>
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

/// Shows a list whose choices are loaded while the list is on the page.
#[component]
fn Pick(
    label: &'static str,
    id: &'static str,
    value: RwSignal<String>,
    choices: Memo<Vec<Choice>>,
) -> impl IntoView {
    let options = move || {
        let chosen = value.get();
        let any = (String::new(), text::ANY.to_owned());
        let options = std::iter::once(any).chain(choices.get()).map(|(mark, text)| {
            let selected = mark == chosen;
            view! { <option value=mark selected=selected>{text}</option> }
        });
        options.collect::<Vec<_>>()
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select id=id data-testid=id on:change=move |event| value.set(event_target_value(&event))>
                {options}
            </select>
        </div>
    }
}
