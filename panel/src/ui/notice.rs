//! A notice with an icon, a colour and a text.

use leptos::prelude::*;

use super::icon::{Icon, IconKind};

/// Shows a notice. `class` sets the colour: `refused`, `expired`, `unknown`, `offline`, `plain` or `done`.
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

/// Shows an error. Screen readers announce the error when it appears. The component needs no space while there is no
/// error.
#[component]
pub fn Trouble(text: RwSignal<Option<String>>, testid: &'static str) -> impl IntoView {
    view! {
        <div role="alert">
            {move || text.get().map(|text| view! { <Notice class="refused" icon=IconKind::Refused text testid/> })}
        </div>
    }
}
