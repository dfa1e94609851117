//! The scope picker, which has buttons for each line and a summary in sentences.

use leptos::prelude::*;
use pinlatch_protocol::scope::{Pattern, Scope};

use super::frame::Frame;
use crate::manage::picker::{Choice, Picker, Row, rows, site_rights};
use crate::manage::words::scope::{sentence, site};
use crate::manage::words::{picker as text, titled};
use crate::words::{self, title};

/// Shows the scope picker. Administrative scopes are offered only if `site` is true.
#[component]
pub fn ScopePicker(picker: RwSignal<Picker>, site: bool) -> impl IntoView {
    let frame = expect_context::<Frame>();
    // The offered scopes do not change while the picker is open, so that the buttons do not move.
    let rights = frame.rights.get_untracked();
    let devices = frame.panel.model.with_untracked(|model| {
        model.names().iter().filter_map(|name| model.device(name).cloned()).collect::<Vec<_>>()
    });
    let lines = rows(&devices, &rights);
    let rights = if site { site_rights(&rights) } else { vec![] };
    let others = picker.with_untracked(|picker| picker.others(&lines, &rights));
    let none = lines.is_empty() && rights.is_empty();
    let mut groups: Vec<(Pattern, Vec<Row>)> = Vec::new();
    for row in lines {
        match groups.last_mut() {
            Some((device, rows)) if *device == row.device => rows.push(row),
            _ => groups.push((row.device.clone(), vec![row])),
        }
    }
    let groups: Vec<_> =
        groups.into_iter().map(|(device, rows)| view! { <Group picker device rows/> }).collect();
    view! {
        <div class="picker" data-testid="picker">
            {none.then(|| view! { <p class="hint">{text::NONE_HELD}</p> })}
            {groups}
            {(!rights.is_empty())
                .then(|| {
                    view! {
                        <fieldset class="pick-group">
                            <legend>{text::SITE}</legend>
                            <div class="pick-row pick-wide">
                                {rights
                                    .into_iter()
                                    .map(|scope| view! { <Chip picker word=sentence(&scope) about=String::new() scope/> })
                                    .collect::<Vec<_>>()}
                            </div>
                        </fieldset>
                    }
                })}
            {(!others.is_empty())
                .then(|| {
                    view! {
                        <fieldset class="pick-group">
                            <legend>{text::OTHERS}</legend>
                            <div class="pick-row pick-wide">
                                {others
                                    .into_iter()
                                    .map(|scope| view! { <Chip picker word=sentence(&scope) about=String::new() scope/> })
                                    .collect::<Vec<_>>()}
                            </div>
                        </fieldset>
                    }
                })}
            <div class="pick-words" aria-live="polite">
                <strong>{text::ALLOWS}</strong>
                <ul data-testid="picker-words">
                    {move || {
                        let words: Vec<String> = picker.with(|picker| picker.set().iter().map(sentence).collect());
                        let words = if words.is_empty() { vec![text::NOTHING.to_owned()] } else { words };
                        words.into_iter().map(|words| view! { <li>{words}</li> }).collect::<Vec<_>>()
                    }}
                </ul>
            </div>
        </div>
    }
}

/// Shows the rows of one device, or the row of all devices together.
#[component]
fn Group(picker: RwSignal<Picker>, device: Pattern, rows: Vec<Row>) -> impl IntoView {
    let name = match &device {
        Pattern::Any => text::EVERYTHING.to_owned(),
        Pattern::One(name) => title(name.as_str()),
    };
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let line = match (&device, &row.line) {
                (Pattern::Any, _) => String::new(),
                (_, Pattern::Any) => text::ALL_LINES.to_owned(),
                (_, Pattern::One(line)) => title(line.as_str()),
            };
            let about = if line.is_empty() { name.clone() } else { words::about(&line, &name) };
            let chips: Vec<_> = row
                .scopes
                .into_iter()
                .map(|scope| {
                    let verb = match &scope {
                        Scope::Line { verb, .. } => text::word(*verb).to_owned(),
                        Scope::Site(right) => site(*right).to_owned(),
                    };
                    view! { <Chip picker word=verb about=about.clone() scope/> }
                })
                .collect();
            view! {
                <div class="pick-row">
                    <span class="pick-line">{line}</span>
                    <div class="pick-chips">{chips}</div>
                </div>
            }
        })
        .collect();
    view! {
        <fieldset class="pick-group">
            <legend>{name}</legend>
            {rows}
        </fieldset>
    }
}

/// Shows the button that selects one scope.
#[component]
fn Chip(picker: RwSignal<Picker>, word: String, about: String, scope: Scope) -> impl IntoView {
    let test_id = format!("pick-{scope}");
    let own = scope.clone();
    let choice = Memo::new(move |_| picker.with(|picker| picker.choice(&own)));
    let label = if about.is_empty() { word.clone() } else { titled(&word, &about) };
    view! {
        <button
            class="pick"
            type="button"
            data-testid=test_id
            aria-label=label
            aria-pressed=move || (choice.get() != Choice::Off).to_string()
            data-implied=move || (choice.get() == Choice::Implied).to_string()
            disabled=move || choice.get() == Choice::Implied
            on:click=move |_| picker.update(|picker| picker.toggle(&scope))
        >
            {word}
        </button>
    }
}
