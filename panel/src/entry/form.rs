//! The parts that the forms for login, setup and invitations share: the layout, the current attempt, and error
//! messages.

use gloo_timers::future::TimeoutFuture;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pinlatch_protocol::api::{MIN_PASSWORD, Secret};
use pinlatch_protocol::name::UserName;

use crate::api::Failure;
use crate::ui::icon::Mark;
use crate::ui::notice::Trouble;
use crate::{platform, words};

/// The state of a form. Only one attempt to submit the form runs at a time.
#[derive(Clone, Copy)]
pub struct Attempt {
    busy: RwSignal<bool>,
    error: RwSignal<Option<String>>,
    wait: RwSignal<u32>,
}

impl Attempt {
    /// Creates the state of a form. `error` is a message that is shown before the first attempt.
    pub fn new(error: Option<String>) -> Self {
        Self { busy: RwSignal::new(false), error: RwSignal::new(error), wait: RwSignal::new(0) }
    }

    /// Whether the form shows no error.
    pub fn is_clean(&self) -> bool {
        self.error.with(Option::is_none)
    }

    /// Shows an error without sending a request.
    pub fn refuse(&self, text: String) {
        self.error.try_set(Some(text));
    }

    /// Starts an attempt. Returns `false` if an attempt is running, or during a pause that the edge has requested.
    pub fn begin(&self) -> bool {
        let ready = !self.busy.get_untracked() && self.wait.get_untracked() == 0;
        if ready {
            self.busy.set(true);
            self.error.set(None);
        }
        ready
    }

    /// Ends a failed attempt. Shows the error, and counts down the pause that the edge has requested.
    pub async fn end(self, failure: Failure) {
        self.busy.try_set(false);
        let (text, seconds) = match failure {
            Failure::Network => (words::UNREACHED.to_owned(), 0),
            Failure::Problem(problem) => (words::login_problem(&problem), problem.retry_after.unwrap_or(0)),
        };
        self.error.try_set(Some(text));
        for left in (1..=seconds).rev() {
            if self.wait.try_set(left).is_some() {
                return;
            }
            TimeoutFuture::new(1_000).await;
        }
        self.wait.try_set(0);
    }

    /// Parses a user name. Shows an error if the user name is invalid.
    pub fn username(&self, text: &str) -> Option<UserName> {
        UserName::new(text.trim()).map_err(|wrong| self.refuse(words::bad_user_name(&wrong))).ok()
    }

    /// Checks a new password. Shows an error if the password is too short.
    pub fn fresh_password(&self, text: String) -> Option<Secret> {
        if text.chars().count() < MIN_PASSWORD {
            self.refuse(words::short_password());
            return None;
        }
        Some(Secret::new(text))
    }
}

/// Shows a form with the logo, a heading, the site, the fields, an error and a button.
#[component]
pub fn Entry(
    heading: &'static str,
    attempt: Attempt,
    /// The label of the button, and its label while a request is running.
    button: (&'static str, &'static str),
    testid: &'static str,
    submit: Callback<()>,
    /// The content below the button.
    below: AnyView,
    children: Children,
) -> impl IntoView {
    let place = platform::site().map_or_else(|| words::NO_SITE.into(), |site| words::title(site.as_str()));
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        submit.run(());
    };
    view! {
        <main class="login">
            <form class="plate login-plate" on:submit=on_submit novalidate>
                <div class="login-head">
                    <Mark/>
                    <div>
                        <h1>{heading}</h1>
                        <p>{place}</p>
                    </div>
                </div>
                <div class="login-body">
                    {children()}
                    <Trouble text=attempt.error testid="login-error"/>
                    <button
                        class="primary"
                        type="submit"
                        data-testid=testid
                        aria-busy=move || attempt.busy.get().to_string()
                        disabled=move || attempt.busy.get() || (attempt.wait.get() != 0)
                    >
                        {move || match (attempt.busy.get(), attempt.wait.get()) {
                            (true, _) => button.1.to_owned(),
                            (false, 0) => button.0.to_owned(),
                            (false, seconds) => words::try_again_in(seconds),
                        }}
                    </button>
                    {below}
                </div>
            </form>
        </main>
    }
}
