//! The actions on people. Each action has a button that opens a dialog, and an API call.

use leptos::prelude::*;
use pinlatch_protocol::admin::{AdmitRequest, IdentityRule, InviteRequest, Person, RightsRequest};
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::UserName;

use super::rights_fields::{Chosen, RightsFields};
use crate::manage::activity::field;
use crate::manage::pages::sessions::Sessions;
use crate::manage::parts::button::Button;
use crate::manage::parts::dialog::{Body, FormDialog, MakeCall, Next, then_close};
use crate::manage::parts::doing::Work;
use crate::manage::parts::field::{Field, Suggestion};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::list::List;
use crate::manage::parts::once::{OneTimeSecret, Purpose};
use crate::manage::words::{self, people as text};
use crate::manage::{browser, call};
use crate::ui::popover;
use crate::visit;

/// The list of people, with the action whose dialog is open.
pub type PeopleList = List<Person, PersonAction>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonAction {
    Invite,
    Rights(UserName),
    Reset(UserName),
    End(UserName),
    Admit(UserName),
    Forget(UserName),
    Remove(UserName),
}

/// The texts of an action.
struct Texts {
    /// The first part of each `data-testid` of the action.
    mark: &'static str,
    /// The label of the button that opens the dialog, and the title of the dialog.
    label: &'static str,
    text: &'static str,
    /// The label of the button that starts the API call.
    go: &'static str,
}

impl PersonAction {
    fn texts(&self) -> Texts {
        let (mark, label, text, go) = match self {
            Self::Invite => ("invite", text::INVITE, "", text::INVITE_GO),
            Self::Rights(_) => ("rights", text::CHANGE, text::CHANGE_TEXT, text::CHANGE_GO),
            Self::Reset(_) => ("reset", text::RESET, text::RESET_TEXT, text::RESET_GO),
            Self::End(_) => ("end", text::END, text::END_TEXT, text::END_GO),
            Self::Admit(_) => ("admit", text::ADMIT, text::ADMIT_TEXT, text::ADMIT_GO),
            Self::Forget(_) => ("forget", text::FORGET, text::FORGET_TEXT, text::FORGET),
            Self::Remove(_) => ("remove", text::REMOVE, text::REMOVE_TEXT, text::REMOVE),
        };
        Texts { mark, label, text, go }
    }

    /// Returns the person whom the action changes. Returns `None` for an action that does not belong to a listed
    /// person.
    fn person(&self) -> Option<&UserName> {
        match self {
            Self::Invite => None,
            Self::Rights(name)
            | Self::Reset(name)
            | Self::End(name)
            | Self::Admit(name)
            | Self::Forget(name)
            | Self::Remove(name) => Some(name),
        }
    }

    pub fn is_removal(&self) -> bool {
        matches!(self, Self::Remove(_))
    }

    /// Returns the fields of the action's dialog, and the action's API call.
    fn form(self, frame: Frame, list: PeopleList) -> (Body, MakeCall) {
        let empty = || RwSignal::new(String::new());
        match self {
            Self::Invite => {
                let (name, chosen) = (empty(), Chosen::of(None));
                let fields = view! {
                    <Field label=text::NAME id="invite-name" value=name hint=text::NAME_HINT max=64 first=true/>
                    <Suggestion field="invite-name" value=name suggest=text::suggested/>
                    <RightsFields chosen/>
                };
                let call = move || {
                    let username = unused_name(list, name)?;
                    Ok(invite(frame, InviteRequest { username, rights: chosen.rights()? }))
                };
                (Body::Form(fields.into_any()), Box::new(call))
            }
            Self::Rights(name) => {
                let chosen = Chosen::of(list.find(|person| person.username == name).as_ref());
                let fields = view! { <RightsFields chosen/> };
                let call = move || Ok(then_close(call::change(name.clone(), chosen.rights()?)));
                (Body::Form(fields.into_any()), Box::new(call))
            }
            Self::Admit(name) => {
                let (issuer, email, subject) = (empty(), empty(), empty());
                let fields = view! {
                    <Field label=text::ISSUER id="admit-issuer" value=issuer hint=text::ISSUER_HINT first=true/>
                    <Field label=text::EMAIL id="admit-email" value=email hint=text::EMAIL_HINT kind="email"/>
                    <Field label=text::SUBJECT id="admit-subject" value=subject hint=text::SUBJECT_HINT/>
                };
                let call = move || {
                    let [issuer, email, subject] =
                        [issuer, email, subject].map(|value| field(&value.get_untracked()));
                    let is_known = email.is_some() || subject.is_some();
                    let issuer = issuer.filter(|_| is_known).ok_or(text::IDENTITY_MISSING)?;
                    let identity = IdentityRule { issuer, subject, email };
                    let request = AdmitRequest { identity, role: None, scope: None };
                    Ok(then_close(call::admit(name.clone(), request)))
                };
                (Body::Form(fields.into_any()), Box::new(call))
            }
            Self::Reset(name) => {
                let request = InviteRequest { username: name, rights: RightsRequest::default() };
                (Body::Button, Box::new(move || Ok(invite(frame, request.clone()))))
            }
            Self::End(name) => {
                let sessions = view! { <Sessions username=name.clone()/> };
                (
                    Body::Confirm(Some(sessions.into_any())),
                    Box::new(move || Ok(then_close(call::end_sessions(name.clone())))),
                )
            }
            Self::Forget(name) => {
                (Body::Confirm(None), Box::new(move || Ok(then_close(call::forget_identities(name.clone())))))
            }
            Self::Remove(name) => {
                (Body::Confirm(None), Box::new(move || Ok(then_close(call::remove_person(name.clone())))))
            }
        }
    }
}

/// Parses a user name. A name in the list of people is refused.
fn unused_name(list: PeopleList, value: RwSignal<String>) -> Result<UserName, String> {
    let typed = value.get_untracked();
    let name = UserName::new(typed.trim()).map_err(|wrong| text::bad_name(typed.trim(), &wrong))?;
    let person = untrack(|| list.find(|person| person.username == name));
    if person.is_some() { Err(text::ALREADY_THERE.into()) } else { Ok(name) }
}

/// Creates an invitation link, which is shown only once. The code is in the fragment of the URL, because browsers do
/// not send the fragment to a server.
fn invite(frame: Frame, request: InviteRequest) -> Work<Next> {
    Box::pin(async move {
        let reply = call::invite(request).await?;
        let secret = format!("{}{}", browser::origin(), visit::invitation(&frame.site(), &reply.code));
        Ok(Next::Show(OneTimeSecret {
            secret: Secret::new(secret),
            label: text::INVITE_LINK,
            how: text::invite_how(&reply.username, &frame.moment(reply.expires_at.saturating_mul(1_000))),
            note: "",
            purpose: Purpose::Link,
        }))
    })
}

/// Shows the button that opens the dialog of an action.
#[component]
pub fn Opener(
    action: PersonAction,
    #[prop(default = "quiet")] class: &'static str,
    /// The id of the menu that contains the button.
    #[prop(optional, into)]
    menu: Option<String>,
) -> impl IntoView {
    let list = expect_context::<PeopleList>();
    let Texts { mark, label, .. } = action.texts();
    let about = action.person().map(ToString::to_string).unwrap_or_default();
    let test_id = action.person().map_or_else(|| mark.to_owned(), |name| format!("{mark}-{name}"));
    let press = move || {
        if let Some(menu) = &menu {
            popover::hide(menu);
        }
        list.open.set(Some(action.clone()));
    };
    view! { <Button text=label test_id about class on_press=press/> }
}

/// Shows the dialog of the selected action.
#[component]
pub fn Opened() -> impl IntoView {
    let list = expect_context::<PeopleList>();
    move || list.open.get().map(|action| view! { <ActionDialog action/> })
}

#[component]
fn ActionDialog(action: PersonAction) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<PeopleList>();
    let Texts { mark, label, text, go } = action.texts();
    let title = action.person().map_or_else(|| label.to_owned(), |name| words::titled(label, name.as_str()));
    let (body, call) = action.form(frame, list);
    let close = move |()| {
        list.open.set(None);
        list.load();
    };
    view! { <FormDialog title mark text go body call on_close=close/> }
}
