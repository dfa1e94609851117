//! The actions on people. Each action has a dialog.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pinlatch_protocol::admin::{
    AdmitRequest, IdentityRule, InviteReply, InviteRequest, PasswordRequest, RightsRequest,
};
use pinlatch_protocol::api::{MAX_PASSWORD, MIN_PASSWORD, Secret};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::Code;

use super::List;
use super::invite::{Chosen, Invite, Invited, RightsForm};
use crate::api::Failure;
use crate::manage::activity::field;
use crate::manage::call;
use crate::manage::parts::button::Submit;
use crate::manage::parts::dialog::{Closer, Confirm, Dialog};
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::field::Field;
use crate::manage::parts::frame::Frame;
use crate::manage::words::{self, people as text};
use crate::words::bad_user_name;

/// The action whose dialog is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonAction {
    Invite,
    Withdraw,
    Password,
    Rights(UserName),
    Reset(UserName),
    End(UserName),
    Admit(UserName),
    Forget(UserName),
    Remove(UserName),
}

/// Shows the dialog of the selected action.
#[component]
pub fn Opened() -> impl IntoView {
    let list = expect_context::<List>();
    let close = move |()| list.open.set(None);
    let again = move |()| list.load();
    let titled = |action: &str, name: &UserName| words::titled(action, name.as_str());
    move || match list.open.get() {
        None => ().into_any(),
        Some(PersonAction::Invite) => view! {
            <Dialog title=text::INVITE test_id="invite-dialog" on_close=close>
                <Invite/>
            </Dialog>
        }
        .into_any(),
        Some(PersonAction::Withdraw) => view! {
            <Dialog title=text::WITHDRAW test_id="withdraw-dialog" on_close=close>
                <Withdraw/>
            </Dialog>
        }
        .into_any(),
        Some(PersonAction::Password) => view! {
            <Dialog title=text::PASSWORD test_id="password-dialog" on_close=close>
                <Password/>
            </Dialog>
        }
        .into_any(),
        Some(PersonAction::Rights(name)) => view! {
            <Dialog title=titled(text::CHANGE, &name) test_id="rights-dialog" on_close=close>
                <Rights name/>
            </Dialog>
        }
        .into_any(),
        Some(PersonAction::Reset(name)) => view! {
            <Dialog title=titled(text::RESET, &name) test_id="reset-dialog" on_close=close>
                <Reset name/>
            </Dialog>
        }
        .into_any(),
        Some(PersonAction::Admit(name)) => view! {
            <Dialog title=titled(text::ADMIT, &name) test_id="admit-dialog" on_close=close>
                <Admit name/>
            </Dialog>
        }
        .into_any(),
        Some(PersonAction::End(name)) => {
            let title = titled(text::END, &name);
            let work = move || Box::pin(call::end_sessions(name.clone())) as _;
            view! {
                <Confirm title text=text::END_TEXT word=text::END_GO test_id="end-dialog" work done=again on_close=close/>
            }
            .into_any()
        }
        Some(PersonAction::Forget(name)) => {
            let title = titled(text::FORGET, &name);
            let work = move || Box::pin(call::forget_identities(name.clone())) as _;
            view! {
                <Confirm title text=text::FORGET_TEXT word=text::FORGET test_id="forget-dialog" work done=again on_close=close/>
            }
            .into_any()
        }
        Some(PersonAction::Remove(name)) => {
            let title = titled(text::REMOVE, &name);
            let work = move || Box::pin(call::remove_person(name.clone())) as _;
            view! {
                <Confirm title text=text::REMOVE_TEXT word=text::REMOVE test_id="remove-dialog" work done=again on_close=close/>
            }
            .into_any()
        }
    }
}

/// Shows the form that changes the permissions of a person.
#[component]
fn Rights(name: UserName) -> impl IntoView {
    let list = expect_context::<List>();
    let closer = expect_context::<Closer>();
    let doing = Doing::write();
    let person = untrack(|| list.person(&name));
    let chosen = Chosen::of(person.as_ref());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let rights: RightsRequest = match chosen.rights() {
            Ok(rights) => rights,
            Err(fault) => return doing.fail(words::pick_fault(fault)),
        };
        doing.run(Box::pin(call::change(name.clone(), rights)), move |()| {
            closer.close();
            list.load();
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <p class="sheet-text">{text::CHANGE_TEXT}</p>
            <RightsForm chosen/>
            <Failed doing/>
            <Submit doing text=text::CHANGE_GO test_id="rights-go"/>
        </form>
    }
}

/// Shows the dialog that creates a link for a new password.
#[component]
fn Reset(name: UserName) -> impl IntoView {
    let doing = Doing::write();
    let made = RwSignal::new(None::<InviteReply>);
    let go = move |_| {
        let request = InviteRequest { username: name.clone(), rights: RightsRequest::default() };
        doing.run(Box::pin(call::invite(request)), move |reply| made.set(Some(reply)));
    };
    let go = StoredValue::new_local(go);
    move || match made.get() {
        Some(reply) => view! { <Invited reply/> }.into_any(),
        None => view! {
            <p class="sheet-text">{text::RESET_TEXT}</p>
            <Failed doing/>
            <button
                class="primary"
                type="button"
                data-testid="reset-go"
                disabled=move || doing.busy.get()
                on:click=move |event| go.with_value(|go| go(event))
            >
                {move || if doing.busy.get() { words::BUSY } else { text::RESET_GO }}
            </button>
        }
        .into_any(),
    }
}

/// Shows the form that adds an identity of a person at a login provider.
#[component]
fn Admit(name: UserName) -> impl IntoView {
    let list = expect_context::<List>();
    let closer = expect_context::<Closer>();
    let doing = Doing::write();
    let (issuer, email, subject) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let of = |value: RwSignal<String>| field(&value.get_untracked());
        let (Some(issuer), email, subject) = (of(issuer), of(email), of(subject)) else {
            return doing.fail(text::IDENTITY_MISSING);
        };
        if email.is_none() && subject.is_none() {
            return doing.fail(text::IDENTITY_MISSING);
        }
        let identity = IdentityRule { issuer, subject, email };
        let request = AdmitRequest { identity, role: None, scope: None };
        doing.run(Box::pin(call::admit(name.clone(), request)), move |()| {
            closer.close();
            list.load();
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <p class="sheet-text">{text::ADMIT_TEXT}</p>
            <Field label=text::ISSUER id="admit-issuer" value=issuer hint=text::ISSUER_HINT first=true/>
            <Field label=text::EMAIL id="admit-email" value=email hint=text::EMAIL_HINT kind="email"/>
            <Field label=text::SUBJECT id="admit-subject" value=subject hint=text::SUBJECT_HINT/>
            <Failed doing/>
            <Submit doing text=text::ADMIT_GO test_id="admit-go"/>
        </form>
    }
}

/// Shows the form that withdraws an invitation. The viewer must enter the user name, because the edge does not list
/// invitations.
#[component]
fn Withdraw() -> impl IntoView {
    let list = expect_context::<List>();
    let closer = expect_context::<Closer>();
    let doing = Doing::write();
    let name = RwSignal::new(String::new());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let wanted = match UserName::new(name.get_untracked().trim()) {
            Ok(wanted) => wanted,
            Err(wrong) => return doing.fail(bad_user_name(&wrong)),
        };
        // The same API call would also remove an existing person. The removal of a person has a separate confirmation.
        if untrack(|| list.person(&wanted)).is_some() {
            return doing.fail(text::ALREADY_THERE);
        }
        doing.run(Box::pin(call::remove_person(wanted)), move |()| {
            closer.close();
            list.load();
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <p class="sheet-text">{text::WITHDRAW_TEXT}</p>
            <Field label=text::NAME id="withdraw-name" value=name max=64 first=true/>
            <Failed doing/>
            <Submit doing text=text::WITHDRAW test_id="withdraw-go"/>
        </form>
    }
}

/// Shows the form that changes the password of the viewer.
#[component]
fn Password() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let closer = expect_context::<Closer>();
    let doing = Doing::write();
    let (before, after) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Ok(name) = UserName::new(frame.rights.with_untracked(|rights| rights.name.clone())) else {
            return;
        };
        let (current, password) = (before.get_untracked(), after.get_untracked());
        if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
            return doing.fail(text::PASSWORD_SHORT);
        }
        let request = PasswordRequest { current: Secret::new(current), password: Secret::new(password) };
        let work = async move {
            let outcome = call::change_password(name, request).await;
            Ok(match outcome {
                Err(Failure::Problem(problem)) if problem.is(Code::LoginFailed) => false,
                other => other.map(|()| true)?,
            })
        };
        doing.run(Box::pin(work), move |was_right| {
            before.set(String::new());
            if was_right {
                after.set(String::new());
                frame.say(text::PASSWORD_DONE);
                closer.close();
            } else {
                doing.fail(text::PASSWORD_WRONG);
            }
        });
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <p class="sheet-text">{text::PASSWORD_TEXT}</p>
            <Field
                label=text::PASSWORD_NOW
                id="password-now"
                value=before
                kind="password"
                autocomplete="current-password"
                first=true
            />
            <Field
                label=text::PASSWORD_NEW
                id="password-new"
                value=after
                kind="password"
                autocomplete="new-password"
                hint=text::PASSWORD_HINT
            />
            <Failed doing/>
            <Submit doing text=text::PASSWORD test_id="password-go"/>
        </form>
    }
}
