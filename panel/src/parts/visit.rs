//! The bar on a guest's page with the validity of the link, the countdown and the button “Leave”.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::live::Panel;
use crate::ui::icon::{Icon, IconKind};
use crate::words::guest;
use crate::{platform, words};

/// Shows the bar that replaces the account menu on a guest's page.
#[component]
pub fn Visit() -> impl IntoView {
    let panel = expect_context::<Panel>();
    let left = Memo::new(move |_| panel.model.with(|model| model.left_ms(panel.now.get())));
    let from = platform::beginning();
    let until = Memo::new(move |_| {
        let exp = panel.model.with(|model| model.whoami.as_ref().map(|whoami| whoami.exp))?;
        let now = platform::moment(panel.now.get());
        let moment = |seconds: u64| words::moment(platform::moment(seconds.saturating_mul(1_000)), now);
        Some(guest::window(from.map(moment), moment(exp)))
    });
    let countdown = Memo::new(move |_| left.get().and_then(guest::countdown));
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
        <section class="visit" data-testid="guest" aria-label=guest::ACCESS>
            <Icon kind=IconKind::Key/>
            <p class="visit-words">
                <strong>{guest::GUEST}</strong>
                <span data-testid="guest-until">{move || until.get()}</span>
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
