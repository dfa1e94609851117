//! Logging in.

use gloo_timers::future::TimeoutFuture;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::{LoginOption, LoginRequest, Secret};
use pinlatch_protocol::name::UserName;

use crate::api::{self, Failure};
use crate::parts::icon::{Icon, IconKind, Mark};
use crate::session::Session;
use crate::{platform, words};

/// The form; the password leaves the input only into the request.
#[component]
pub fn Login(session: RwSignal<Session>, ended: bool, login_error: Option<String>) -> impl IntoView {
    let username = NodeRef::<leptos::html::Input>::new();
    let password = NodeRef::<leptos::html::Input>::new();
    let busy = RwSignal::new(false);
    let shown = RwSignal::new(false);
    let error = RwSignal::new(login_error.as_deref().map(words::provider_problem));
    let wait = RwSignal::new(0u32);

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let (Some(name), Some(secret)) = (username.get(), password.get()) else { return };
        if busy.get_untracked() || wait.get_untracked() > 0 {
            return;
        }
        let name = match UserName::new(name.value().trim()) {
            Ok(name) => name,
            Err(wrong) => return error.set(Some(format!("Check the user name: {wrong}."))),
        };
        let request =
            LoginRequest { site: platform::site(), username: name, password: Secret::new(secret.value()) };
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let outcome = api::login(&request).await;
            busy.set(false);
            match outcome {
                Ok(_) => session.set(Session::Control),
                Err(Failure::Network) => {
                    error.set(Some("Pinlatch cannot be reached. Check your connection.".into()));
                }
                Err(Failure::Problem(problem)) => {
                    error.set(Some(words::login_problem(&problem)));
                    if problem.status == 401 {
                        secret.set_value("");
                        let _ = secret.focus();
                    }
                    count_down(wait, problem.retry_after.unwrap_or(0)).await;
                }
            }
        });
    };

    let place = platform::site().map(|site| words::title(site.as_str()));
    view! {
        <main class="login">
            <form class="plate login-plate" on:submit=submit novalidate>
                <div class="login-head">
                    <Mark/>
                    <div>
                        <h1>"Pinlatch"</h1>
                        <p>{place.unwrap_or_else(|| "Control panel".into())}</p>
                    </div>
                </div>
                <Show when=move || ended && error.with(Option::is_none)>
                    <p class="notice notice-unknown" data-testid="login-notice">
                        <Icon kind=IconKind::Clock/>
                        <span>"Your session has ended. Log in again."</span>
                    </p>
                </Show>
                <label class="field">
                    <span>"User name"</span>
                    <input
                        node_ref=username
                        data-testid="login-username"
                        name="username"
                        autocomplete="username"
                        autocapitalize="none"
                        spellcheck="false"
                        maxlength="64"
                        required
                        autofocus
                    />
                </label>
                <div class="field">
                    <label for="password">"Password"</label>
                    <div class="field-with-button">
                        <input
                            id="password"
                            node_ref=password
                            data-testid="login-password"
                            name="password"
                            type=move || if shown.get() { "text" } else { "password" }
                            autocomplete="current-password"
                            autocapitalize="none"
                            spellcheck="false"
                            maxlength="256"
                            required
                        />
                        <button
                            type="button"
                            class="quiet"
                            aria-label="Show the password"
                            aria-pressed=move || shown.get().to_string()
                            on:click=move |_| shown.update(|shown| *shown = !*shown)
                        >
                            {move || if shown.get() { "Hide" } else { "Show" }}
                        </button>
                    </div>
                </div>
                <div role="alert">
                    {move || {
                        error
                            .get()
                            .map(|text| {
                                view! {
                                    <p class="notice notice-refused" data-testid="login-error">
                                        <Icon kind=IconKind::Refused/>
                                        <span>{text}</span>
                                    </p>
                                }
                            })
                    }}
                </div>
                <button
                    class="primary"
                    type="submit"
                    data-testid="login-submit"
                    aria-busy=move || busy.get().to_string()
                    disabled=move || busy.get() || wait.get().gt(&0)
                >
                    {move || match (busy.get(), wait.get()) {
                        (true, _) => "Logging in…".to_owned(),
                        (false, 0) => "Log in".to_owned(),
                        (false, seconds) => format!("Try again in {seconds} s"),
                    }}
                </button>
                <Providers/>
            </form>
        </main>
    }
}

/// The ways in through a provider, as far as the site has any. That they cannot be asked for is no news to
/// somebody who has a password.
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
                        class="quiet provider"
                        data-testid=format!("login-with-{}", option.name)
                        href=api::login_address(&option.name)
                    >
                        {format!("Log in with {}", option.label)}
                    </a>
                </li>
            }
        });
        let links: Vec<_> = links.collect();
        (!links.is_empty()).then(|| view! { <ul class="providers">{links}</ul> })
    }
}

/// Counts the seconds of a `Retry-After` down.
async fn count_down(wait: RwSignal<u32>, seconds: u32) {
    for left in (1..=seconds).rev() {
        if wait.try_set(left).is_some() {
            return;
        }
        TimeoutFuture::new(1_000).await;
    }
    wait.try_set(0);
}
