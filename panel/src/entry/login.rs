//! The form for login with a password or a login provider.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::{LoginOption, LoginRequest, Secret};

use super::form::{Attempt, Entry};
use super::screen::Screen;
use crate::ui::field::{Field, Password};
use crate::ui::icon::IconKind;
use crate::ui::notice::Notice;
use crate::{api, platform, words};

/// Shows the login form. The password is read from the input element only when the request is sent.
#[component]
pub fn Login(screen: RwSignal<Screen>, ended: bool, login_error: Option<String>) -> impl IntoView {
    let username = NodeRef::<Input>::new();
    let password = NodeRef::<Input>::new();
    let attempt = Attempt::new(login_error.as_deref().map(words::provider_problem));
    let submit = move |()| {
        let (Some(name), Some(secret)) = (username.get_untracked(), password.get_untracked()) else { return };
        let Some(username) = attempt.username(&name.value()) else { return };
        if secret.value().is_empty() {
            let _ = secret.focus();
            return attempt.refuse(words::PASSWORD_MISSING.into());
        }
        let request =
            LoginRequest { site: platform::site(), username, password: Secret::new(secret.value()) };
        if !attempt.begin() {
            return;
        }
        spawn_local(async move {
            match api::login(&request).await {
                Ok(()) => screen.set(Screen::entered()),
                Err(failure) => {
                    if failure.status() == Some(401) {
                        secret.set_value("");
                        let _ = secret.focus();
                    }
                    attempt.end(failure).await;
                }
            }
        });
    };
    let below = view! {
        <Providers/>
        <p class="aside">
            {words::FIRST_TIME}
            <a href="#setup" data-testid="login-setup">{words::SET_UP_LINK}</a>
        </p>
    };
    view! {
        <Entry
            heading=words::PRODUCT
            attempt
            button=words::LOG_IN
            testid="login-submit"
            submit=Callback::new(submit)
            below=below.into_any()
        >
            {move || {
                (ended && attempt.is_clean())
                    .then(|| view! { <Notice class="unknown" icon=IconKind::Clock text=words::SESSION_ENDED testid="login-notice"/> })
            }}
            <Field label=words::USER_NAME name="username" testid="login-username" autocomplete="username" input=username first=true/>
            <Password label=words::PASSWORD testid="login-password" input=password/>
        </Entry>
    }
}

/// Shows links to the login providers of the site. If the list cannot be loaded, no error is shown, because login
/// with a password still works.
#[component]
fn Providers() -> impl IntoView {
    let options = RwSignal::new(Vec::<LoginOption>::new());
    spawn_local(async move {
        if let Ok(found) = api::login_options(platform::site().as_ref()).await {
            options.try_set(found);
        }
    });
    move || {
        let links = options.get().into_iter().map(|option| {
            view! {
                <li>
                    <a
                        class="quiet as-button"
                        data-testid=format!("login-with-{}", option.name)
                        href=api::login_address(&option.name)
                        on:click=|_| platform::keep_way()
                    >
                        {words::log_in_with(&option.label)}
                    </a>
                </li>
            }
        });
        let links: Vec<_> = links.collect();
        (!links.is_empty()).then(|| view! { <ul class="providers">{links}</ul> })
    }
}
