//! The forms for the first login of a new site's owner and of invited people.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::{LoginRequest, Secret, SetupRequest};
use pinlatch_protocol::name::UserName;

use super::form::{Attempt, Entry};
use super::screen::Screen;
use crate::api::{self, Failure};
use crate::ui::field::{Field, OwnName, Password};
use crate::{platform, words};

/// Shows the form that creates the owner of a new site.
#[component]
pub fn SetUp(screen: RwSignal<Screen>, code: Option<Secret>) -> impl IntoView {
    let typed = NodeRef::<Input>::new();
    let username = NodeRef::<Input>::new();
    let password = NodeRef::<Input>::new();
    let attempt = Attempt::new(None);
    let given = code.is_some();
    let submit = move |()| {
        let (Some(name), Some(chosen)) = (username.get_untracked(), password.get_untracked()) else { return };
        let typed = typed.get_untracked().map(|input| Secret::new(input.value().trim()));
        let Some(code) = code.clone().or(typed) else { return };
        let Some(username) = attempt.username(&name.value()) else { return };
        let Some(password) = attempt.fresh_password(chosen.value()) else { return };
        if !attempt.begin() {
            return;
        }
        let request = SetupRequest { site: platform::site(), code, username, password };
        spawn_local(async move {
            let done = api::set_up(&request).await;
            go_on(screen, attempt, done.map(|()| request.username), request.password).await;
        });
    };
    view! {
        <Entry
            heading=words::SET_UP_HEADING
            attempt
            button=words::SET_UP
            testid="setup-submit"
            submit=Callback::new(submit)
            below=view! { <Back screen/> }.into_any()
        >
            <p class="hint">{words::SET_UP_TEXT}</p>
            {(!given)
                .then(|| view! {
                    <Field label=words::SETUP_CODE name="code" testid="setup-code" autocomplete="off" input=typed longest=512 first=true/>
                })}
            <Field label=words::USER_NAME name="username" testid="setup-username" autocomplete="username" input=username hint=words::USER_NAME_HINT first=given/>
            <Password label=words::PASSWORD testid="setup-password" fresh=true input=password hint=words::PASSWORD_HINT/>
        </Entry>
    }
}

/// Shows the form in which an invited person chooses a password. The edge returns the user name, so that the person and
/// the password manager learn it, and so that a used invitation is refused before the person chooses a password.
#[component]
pub fn Invited(screen: RwSignal<Screen>, code: Secret) -> impl IntoView {
    let password = NodeRef::<Input>::new();
    let attempt = Attempt::new(None);
    // This type of signal is also used for errors, so it adds no code to the program.
    let name = RwSignal::new(None::<String>);
    let asked = code.clone();
    spawn_local(async move {
        match api::invited(&asked).await {
            Ok(found) => {
                name.try_set(Some(found));
            }
            Err(Failure::Problem(problem)) if !api::is_passing(problem.status) => {
                attempt.refuse(words::login_problem(&problem));
            }
            // The form also works without the user name.
            Err(_) => {}
        }
    });
    let submit = move |()| {
        let Some(chosen) = password.get_untracked() else { return };
        let Some(password) = attempt.fresh_password(chosen.value()) else { return };
        if !attempt.begin() {
            return;
        }
        let code = code.clone();
        spawn_local(async move {
            let done = api::accept(&code, &password).await;
            go_on(screen, attempt, done, password).await;
        });
    };
    view! {
        <Entry
            heading=words::INVITED_HEADING
            attempt
            button=words::ACCEPT
            testid="invite-submit"
            submit=Callback::new(submit)
            below=view! { <Back screen/> }.into_any()
        >
            <p class="hint">{words::INVITED_TEXT}</p>
            {move || name.get().map(|name| view! { <OwnName id="username" name/> })}
            <Password label=words::PASSWORD testid="invite-password" fresh=true input=password hint=words::PASSWORD_HINT/>
        </Entry>
    }
}

/// Signs the new person in with the chosen password.
async fn go_on(
    screen: RwSignal<Screen>,
    attempt: Attempt,
    done: Result<UserName, Failure>,
    password: Secret,
) {
    let username = match done {
        Ok(username) => username,
        Err(failure) => return attempt.end(failure).await,
    };
    let request = LoginRequest { site: platform::site(), username, password };
    match api::login(&request).await {
        Ok(()) => screen.set(Screen::entered()),
        // The account already exists, so the person can use the ordinary login form.
        Err(_) => screen.set(Screen::LogIn { ended: false }),
    }
}

/// Shows a link to the ordinary login form.
#[component]
fn Back(screen: RwSignal<Screen>) -> impl IntoView {
    view! {
        <p class="aside">
            {words::HAVE_ACCOUNT}
            <button type="button" class="plain-link" data-testid="to-login" on:click=move |_| screen.set(Screen::LogIn { ended: false })>
                {words::LOG_IN.0}
            </button>
        </p>
    }
}
