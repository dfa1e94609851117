//! A notice: icon, colour and text.

use leptos::prelude::*;

use super::icon::{Icon, IconKind};

/// `class` sets the colour: `refused`, `expired`, `unknown`, `offline`, `plain`, `done`.
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

/// An error, announced when it appears. It takes no space while empty.
#[component]
pub fn Trouble(text: RwSignal<Option<String>>, testid: &'static str) -> impl IntoView {
    view! {
        <div role="alert">
            {move || text.get().map(|text| view! { <Notice class="refused" icon=IconKind::Refused text testid/> })}
        </div>
    }
}
