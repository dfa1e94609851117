//! The notice of a line. A notice shows a pending command, a result, or a desired level that differs from the reported
//! level. A long notice covers the beginning of the next tile, because a notice must not move a control under a finger.

use leptos::prelude::*;

use super::handle::Handle;
use crate::model::CommandOutcome;
use crate::ui::icon::{Icon, IconKind};
use crate::words;

#[derive(Clone, PartialEq)]
struct Shown {
    class: &'static str,
    icon: IconKind,
    text: String,
    /// Whether the notice is shown until the person dismisses the notice.
    stays: bool,
}

/// Shows the most urgent notice of one line. If there is none, the last command of the line is shown.
#[component]
pub fn Notice(line: Handle) -> impl IntoView {
    let shown = Memo::new(move |_| shown(line));
    let notice = move |shown: Shown| {
        let close = || {
            view! {
                <button
                    type="button"
                    class="dismiss"
                    aria-label=words::line::DISMISS
                    on:click=move |_| line.dismiss()
                >
                    <Icon kind=IconKind::Close/>
                </button>
            }
        };
        view! {
            <p class=format!("notice notice-{}", shown.class)>
                <Icon kind=shown.icon/>
                <span>{shown.text}</span>
                {shown.stays.then(close)}
            </p>
        }
    };
    // The last command is in the place of the notices, so that it moves nothing when it first appears.
    let last = Memo::new(move |_| line.last());
    view! {
        <div class="notices">
            {move || last.get().map(|last| view! { <p class="last" data-testid=line.test_id("last")>{last}</p> })}
            {move || shown.get().map(notice)}
        </div>
    }
}

fn shown(line: Handle) -> Option<Shown> {
    let state = line.command.get();
    if let Some(pending) = &state.pending {
        let text = words::line::waiting(line.kind, &line.name(), &pending.action);
        return Some(Shown { class: "pending", icon: IconKind::Pending, text, stays: false });
    }
    let result = state.answer.map(|answer| {
        let icon = match answer.outcome {
            CommandOutcome::Executed => IconKind::Done,
            CommandOutcome::Refused(_) | CommandOutcome::Denied(_) => IconKind::Refused,
            CommandOutcome::Expired | CommandOutcome::NotSent | CommandOutcome::NotArrived => IconKind::Clock,
            CommandOutcome::Unknown | CommandOutcome::NoAnswer => IconKind::Question,
            CommandOutcome::Offline => IconKind::Offline,
        };
        let class = match (&answer.outcome, answer.late) {
            (CommandOutcome::Executed, false) => "done",
            (CommandOutcome::Executed, true) => "late",
            (outcome, _) => words::outcome_mark(outcome),
        };
        Shown { class, icon, text: words::line::answer(&answer), stays: class != "done" }
    });
    let (failed, done) = match result {
        Some(result) if result.stays => (Some(result), None),
        result => (None, result),
    };
    let differs = || {
        let text = words::line::differ(line.kind, &line.differing()?, line.level().as_ref());
        Some(Shown { class: "differ", icon: IconKind::Differ, text, stays: false })
    };
    let read_only = || {
        let allowed = line.kind.actions().iter().any(|action| line.may(action));
        let text = words::line::READ_ONLY.to_owned();
        (!allowed).then_some(Shown { class: "plain", icon: IconKind::Look, text, stays: false })
    };
    failed.or_else(differs).or(done).or_else(read_only)
}
