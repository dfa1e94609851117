//! The form fields for permissions.

use leptos::prelude::*;
use pinlatch_protocol::admin::{Person, RightsRequest};
use pinlatch_protocol::scope::Role;

use crate::manage::parts::field::Radio;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::picker::ScopePicker;
use crate::manage::picker::Picker;
use crate::manage::words::scope::role;
use crate::manage::words::{people as text, pick_fault};

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

    /// Returns the chosen permissions for a request, or an error if the choice is invalid.
    pub fn rights(&self) -> Result<RightsRequest, &'static str> {
        let mark = self.role.get_untracked();
        if let Some(role) = Role::from_word(&mark) {
            return Ok(RightsRequest { role: Some(role), scope: None });
        }
        let picker = self.picker.get_untracked();
        match picker.fault() {
            Some(fault) => Err(pick_fault(fault)),
            None => Ok(RightsRequest { role: None, scope: Some(picker.set()) }),
        }
    }
}

/// Shows the fields in which the viewer chooses a role or custom permissions. Only roles that the viewer may grant are
/// offered.
#[component]
pub fn RightsFields(chosen: Chosen) -> impl IntoView {
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
