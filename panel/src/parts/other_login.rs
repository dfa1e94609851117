//! The notice after the page was loaded again because another person logged in.

use leptos::prelude::*;

use crate::ui::icon::IconKind;
use crate::ui::notice::Notice;
use crate::words;

#[component]
pub fn OtherLogin() -> impl IntoView {
    view! { <Notice class="unknown" icon=IconKind::Question text=words::OTHER_LOGIN testid="other-login"/> }
}
