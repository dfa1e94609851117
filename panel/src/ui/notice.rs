//! A notice: a sign, a colour and words that say the same.

use leptos::prelude::*;

use super::icon::{Icon, IconKind};

/// One notice. `class` is the colour: `refused`, `expired`, `unknown`, `offline`, `plain`, `done`.
#[component]
pub fn Notice(
    class: &'static str,
    icon: IconKind,
    #[prop(into)] text: String,
    #[prop(optional)] testid: &'static str,
) -> impl IntoView {
    view! {
        <p class=format!("notice notice-{class}") data-testid=(!testid.is_empty()).then_some(testid)>
            <Icon kind=icon/>
            <span>{text}</span>
        </p>
    }
}

/// What went wrong, read aloud as it appears; room is taken only while there is something.
#[component]
pub fn Trouble(text: RwSignal<Option<String>>, testid: &'static str) -> impl IntoView {
    view! {
        <div role="alert">
            {move || text.get().map(|text| view! { <Notice class="refused" icon=IconKind::Refused text testid/> })}
        </div>
    }
}
