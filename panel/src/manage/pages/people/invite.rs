//! The form for invitations, and the form for permissions.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pinlatch_protocol::admin::{InviteReply, InviteRequest, Person, RightsRequest};
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::scope::Role;

use super::List;
use crate::manage::parts::button::Submit;
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::field::{Field, Radio};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::once::Once;
use crate::manage::parts::picker::ScopePicker;
use crate::manage::picker::{Fault, Picker};
use crate::manage::words::scope::role;
use crate::manage::words::{self, people as text};
use crate::manage::{browser, call};
use crate::visit;
use crate::words::bad_user_name;

const OWN: &str = "own";

/// The permissions that are chosen in the form.
#[derive(Clone, Copy)]
pub struct Chosen {
    role: RwSignal<String>,
    picker: RwSignal<Picker>,
}

impl Chosen {
    /// Creates the state of the form. The form starts with the permissions of an existing person, or with the role of a
    /// viewer for a new person.
    pub fn of(person: Option<&Person>) -> Self {
        let mark = match person {
            Some(person) => person.role.map_or(OWN, Role::as_str),
            None => Role::Viewer.as_str(),
        };
        let picker =
            person.filter(|_| mark == OWN).map(|person| Picker::of(&person.scope)).unwrap_or_default();
        Self { role: RwSignal::new(mark.into()), picker: RwSignal::new(picker) }
    }

    /// Returns the chosen permissions for a request.
    pub fn rights(&self) -> Result<RightsRequest, Fault> {
        let mark = self.role.get_untracked();
        if let Some(role) = Role::from_word(&mark) {
            return Ok(RightsRequest { role: Some(role), scope: None });
        }
        let picker = self.picker.get_untracked();
        match picker.fault() {
            Some(fault) => Err(fault),
            None => Ok(RightsRequest { role: None, scope: Some(picker.set()) }),
        }
    }
}

/// Shows the form in which the viewer chooses a role or custom permissions. Only roles that the viewer may grant are
/// offered.
#[component]
pub fn RightsForm(chosen: Chosen) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let rights = frame.rights.get_untracked();
    let roles: Vec<_> = Role::ALL
        .iter()
        .filter(|own| rights.may_give(Some(**own), &own.scopes()))
        .map(|own| {
            let (label, hint) = role(*own);
            view! { <Radio name="role" value=chosen.role mark=own.as_str() label hint/> }
        })
        .collect();
    if roles.is_empty() {
        chosen.role.set(OWN.into());
    }
    let own = Memo::new(move |_| chosen.role.with(|role| role == OWN));
    view! {
        <fieldset class="choices">
            <legend>{text::RIGHTS}</legend>
            {roles}
            <Radio name="role" value=chosen.role mark=OWN label=text::OWN hint=text::OWN_TEXT/>
        </fieldset>
        {move || own.get().then(|| view! { <ScopePicker picker=chosen.picker site=true/> })}
    }
}

/// Shows the form for a user name and permissions. After the form was submitted, shows the invitation.
#[component]
pub fn Invite() -> impl IntoView {
    let list = expect_context::<List>();
    let name = RwSignal::new(String::new());
    let chosen = Chosen::of(None);
    let doing = Doing::write();
    let made = RwSignal::new(None::<InviteReply>);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let username = match UserName::new(name.get_untracked().trim()) {
            Ok(username) => username,
            Err(wrong) => return doing.fail(bad_user_name(&wrong)),
        };
        if untrack(|| list.person(&username)).is_some() {
            return doing.fail(text::ALREADY_THERE);
        }
        let rights = match chosen.rights() {
            Ok(rights) => rights,
            Err(fault) => return doing.fail(words::pick_fault(fault)),
        };
        let request = InviteRequest { username, rights };
        doing.run(Box::pin(call::invite(request)), move |reply| made.set(Some(reply)));
    };
    move || match made.get() {
        Some(reply) => view! { <Invited reply/> }.into_any(),
        None => view! {
            <form class="form" on:submit=submit novalidate>
                <Field label=text::NAME id="invite-name" value=name hint=text::NAME_HINT max=64 first=true/>
                <RightsForm chosen/>
                <Failed doing/>
                <Submit doing text=text::INVITE_GO test_id="invite-go"/>
            </form>
        }
        .into_any(),
    }
}

/// Shows an invitation link, which is shown only once. The code is in the fragment of the URL, because browsers do not
/// send the fragment to a server.
#[component]
pub fn Invited(reply: InviteReply) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let link = format!("{}{}", browser::origin(), visit::invitation(&frame.site(), &reply.code));
    view! { <Once secret=Secret::new(link) how=text::INVITE_HOW/> }
}
