//! The page about the viewer's own account: the password, the open sessions, and the call that secures a stolen
//! account. Every person can open this page.

use leptos::prelude::*;
use pinlatch_protocol::admin::PasswordRequest;
use pinlatch_protocol::api::{MAX_PASSWORD, MIN_PASSWORD, Secret};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::Code;

use super::sessions::Sessions;
use crate::api::Failure;
use crate::manage::call;
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::dialog::{Body, FormDialog, MakeCall, Next, then_sign_in};
use crate::manage::parts::field::Field;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::heading::Heading;
use crate::manage::words::account as text;
use crate::ui::field::OwnName;
use crate::ui::skip::MAIN;

/// The dialog that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Password,
    Secure,
}

#[component]
pub fn Account() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let open = RwSignal::new(None::<Open>);
    let close = move |()| open.set(None);
    let username = UserName::new(frame.rights.with_untracked(|rights| rights.name.clone())).ok();
    let dialog = {
        let username = username.clone();
        move || {
            let username = username.clone()?;
            let dialog = match open.get()? {
                Open::Password => view! { <Password username on_close=close/> }.into_any(),
                Open::Secure => view! { <Secure username on_close=close/> }.into_any(),
            };
            Some(dialog)
        }
    };
    view! {
        <main id=MAIN class="manage">
            <Heading page=Page::Account/>
            <h2 class="part-head loose">{text::SECURITY}</h2>
            <p class="lead">{text::PASSWORD_TEXT}</p>
            <div class="row">
                <Button text=text::PASSWORD test_id="password" on_press=move || open.set(Some(Open::Password))/>
            </div>
            <h2 class="part-head loose">{text::SESSIONS}</h2>
            <p class="lead">{text::SESSIONS_TEXT}</p>
            {username.map(|username| view! { <Sessions username/> })}
            <h2 class="part-head loose">{text::SECURE}</h2>
            <p class="lead">{text::SECURE_WHEN}</p>
            <div class="row">
                <Button
                    text=text::SECURE
                    test_id="secure"
                    class="quiet danger-text"
                    on_press=move || open.set(Some(Open::Secure))
                />
            </div>
            {dialog}
        </main>
    }
}

/// Returns the new password, or an error if its length is invalid.
fn new_password(value: RwSignal<String>) -> Result<Secret, String> {
    let password = value.get_untracked();
    if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        return Err(text::PASSWORD_SHORT.into());
    }
    Ok(Secret::new(password))
}

/// Shows the field for a new password.
#[component]
fn NewPassword(value: RwSignal<String>, #[prop(optional)] first: bool) -> impl IntoView {
    view! {
        <Field
            label=text::PASSWORD_NEW
            id="password-new"
            value
            kind="password"
            autocomplete="new-password"
            hint=text::PASSWORD_HINT
            first
        />
    }
}

/// Shows the dialog that changes the viewer's password. The entered passwords are cleared after the call.
#[component]
fn Password(username: UserName, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let (before, after) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let fields = view! {
        <OwnName id="password-user" name=username.to_string()/>
        <Field
            label=text::PASSWORD_NOW
            id="password-now"
            value=before
            kind="password"
            autocomplete="current-password"
            first=true
        />
        <NewPassword value=after/>
    };
    let call: MakeCall = Box::new(move || {
        let request =
            PasswordRequest { current: Secret::new(before.get_untracked()), password: new_password(after)? };
        let username = username.clone();
        Ok(Box::pin(async move {
            let next = match call::change_password(username, request).await {
                Ok(()) => Next::Close,
                Err(Failure::Problem(problem)) if problem.is(Code::LoginFailed) => {
                    Next::Refuse(text::PASSWORD_WRONG)
                }
                Err(failure) => return Err(failure),
            };
            before.try_set(String::new());
            if matches!(next, Next::Close) {
                after.try_set(String::new());
            }
            Ok(next)
        }))
    });
    view! {
        <FormDialog
            title=text::PASSWORD
            mark="password"
            text=text::PASSWORD_TEXT
            go=text::PASSWORD
            body=Body::Form(fields.into_any())
            call
            done=move |()| frame.say(text::PASSWORD_DONE)
            on_close
        />
    }
}

/// Shows the dialog that secures the viewer's account. After the call, the viewer logs in again.
#[component]
fn Secure(username: UserName, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let password = RwSignal::new(String::new());
    let fields = view! {
        <OwnName id="secure-user" name=username.to_string()/>
        <NewPassword value=password first=true/>
    };
    let call: MakeCall = Box::new(move || {
        let (secret, username) = (new_password(password)?, username.clone());
        Ok(then_sign_in(&frame, call::secure_account(username, secret)))
    });
    view! {
        <FormDialog
            title=text::SECURE
            mark="secure"
            text=text::SECURE_TEXT
            go=text::SECURE_GO
            body=Body::Form(fields.into_any())
            call
            on_close
        />
    }
}
