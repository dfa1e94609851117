//! The bar on a guest's page with the uses and the validity of the link, the countdown and the button “Leave”.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::live::Panel;
use crate::model::Model;
use crate::ui::icon::{Icon, IconKind};
use crate::words::guest;
use crate::{platform, words};

/// Shows the bar that replaces the account menu on a guest's page.
#[component]
pub fn Visit() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let left = Memo::new(move |_| panel.model.with(|model| model.left_ms(panel.now.get())));
    let uses = Memo::new(move |_| panel.model.with(Model::uses_left));
    let used_up = move || uses.get() == Some(0);
    let window = Memo::new(move |_| {
        let exp = panel.model.with(|model| model.whoami.as_ref().map(|whoami| whoami.exp))?;
        let now = platform::moment(panel.now.get());
        let until = words::moment(platform::moment(exp.saturating_mul(1_000)), now);
        Some(if used_up() { guest::USED_UP.into() } else { guest::window(uses.get(), &until) })
    });
    Effect::new(move |before: Option<Option<u32>>| {
        let left = uses.get();
        if let (Some(Some(before)), Some(left)) = (before, left)
            && left < before
        {
            panel.say(guest::say_uses(left));
        }
        left
    });
    let countdown = Memo::new(move |_| left.get().filter(|_| !used_up()).and_then(guest::countdown));
    Effect::new(move |before: Option<Option<u64>>| {
        let left = left.get();
        let crossed = before.flatten().zip(left).and_then(|(before, left)| guest::warning(before, left));
        if let Some(text) = crossed {
            panel.say(text.into());
        }
        left
    });
    let stuck = RwSignal::new(false);
    let leave = move |_| {
        spawn_local(async move {
            let over = panel.log_out().await;
            stuck.try_set(!over);
        });
    };
    view! {
        <section
            class="visit"
            data-testid="guest"
            data-used-up=move || used_up().to_string()
            aria-label=guest::ACCESS
        >
            <Icon kind=IconKind::Key/>
            <p class="visit-words">
                <strong data-testid="guest-until">{move || window.get()}</strong>
                <span>{move || used_up().then_some(guest::ASK_AGAIN)}</span>
                <span class="visit-left" role="timer" data-testid="guest-left">
                    {move || countdown.get()}
                </span>
            </p>
            <button class="quiet" type="button" data-testid="leave" on:click=leave>
                {guest::LEAVE}
            </button>
            <p class="visit-stuck" role="status">
                {move || stuck.get().then_some(guest::NOT_LEFT)}
            </p>
        </section>
    }
}
