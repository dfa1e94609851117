//! The notices of a line. A notice can show a pending command, a result, or a desired level that differs from the
//! reported level.

use leptos::prelude::*;

use super::handle::Handle;
use crate::model::CommandOutcome;
use crate::ui::icon::{Icon, IconKind};
use crate::words;

#[derive(Clone, PartialEq)]
struct Notice {
    class: &'static str,
    icon: IconKind,
    text: String,
    /// Whether the notice is shown until the person dismisses the notice.
    stays: bool,
}

/// Shows the notices of one line, the most urgent notice first.
#[component]
pub fn Notices(line: Handle) -> impl IntoView {
    let notices = Memo::new(move |_| notices(line));
    view! {
        <div class="notices">
            <For each=move || notices.get() key=|notice| (notice.class, notice.text.clone()) let:notice>
                <p class=format!("notice notice-{}", notice.class)>
                    <Icon kind=notice.icon/>
                    <span>{notice.text}</span>
                    {notice
                        .stays
                        .then(|| {
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
                        })}
                </p>
            </For>
        </div>
    }
}

fn notices(line: Handle) -> Vec<Notice> {
    let mut found = Vec::new();
    let state = line.command.get();
    if let Some(pending) = &state.pending {
        let text = words::line::waiting(line.kind, &pending.action);
        found.push(Notice { class: "pending", icon: IconKind::Pending, text, stays: false });
    } else if let Some(answer) = &state.answer {
        let icon = match answer.outcome {
            CommandOutcome::Executed => IconKind::Done,
            CommandOutcome::Refused(_) | CommandOutcome::Denied(_) => IconKind::Refused,
            CommandOutcome::Expired | CommandOutcome::NotSent | CommandOutcome::NotArrived => IconKind::Clock,
            CommandOutcome::Unknown | CommandOutcome::NoAnswer => IconKind::Question,
            CommandOutcome::Offline => IconKind::Offline,
        };
        let done = answer.outcome == CommandOutcome::Executed;
        let class = if done { "done" } else { words::outcome_mark(&answer.outcome) };
        let text = words::outcome(&answer.outcome);
        found.push(Notice { class, icon, text, stays: !done });
    }
    let nothing = line.view.with(|view| view.as_ref().and_then(words::no_level));
    if let Some(text) = nothing.filter(|_| !line.is_stale()) {
        found.push(Notice { class: "plain", icon: IconKind::Question, text: text.into(), stays: false });
    }
    let desired = line.view.with(|view| view.as_ref().and_then(|view| view.desired));
    if let Some(desired) = desired.filter(|desired| state.pending.is_none() && Some(*desired) != line.level())
    {
        let text = words::line::differ(line.kind, &desired, line.level().as_ref());
        found.push(Notice { class: "differ", icon: IconKind::Differ, text, stays: false });
    }
    let actions = line.kind.actions();
    if !actions.is_empty() && !actions.iter().any(|action| line.may(action)) {
        let text = words::line::READ_ONLY.to_owned();
        found.push(Notice { class: "plain", icon: IconKind::Look, text, stays: false });
    }
    found
}
