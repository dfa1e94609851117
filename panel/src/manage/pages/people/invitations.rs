//! The open invitations.

use leptos::prelude::*;
use pinlatch_protocol::admin::Invitation;

use super::person_actions::PeopleList;
use crate::manage::call;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::list::List;
use crate::manage::parts::open_items::{End, OpenItem, OpenItems};
use crate::manage::words::scope::role_name;
use crate::manage::words::{open_code, people as text};

const END: End = End { mark: "invitation", label: text::WITHDRAW, ended: text::WITHDRAWN };

/// Shows the open invitations. The list is loaded again when a dialog of the page closes, because the dialog may have
/// created an invitation.
#[component]
pub fn Invitations(people: PeopleList) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list: List<Invitation> = List::start(|| Box::pin(call::invitations()));
    Effect::new(move |_| {
        if people.open.with(Option::is_none) {
            list.load();
        }
    });
    let show = move |invitation: &Invitation| {
        let is_new = invitation.role.is_some() || invitation.scope.is_some();
        OpenItem {
            id: invitation.id.clone(),
            name: invitation.username.to_string(),
            tag: Some(if is_new { role_name(invitation.role) } else { text::NEW_PASSWORD }),
            facts: open_code(&invitation.creator, &frame.moment(invitation.expires_at.saturating_mul(1_000))),
            may_end: frame
                .rights
                .with(|rights| people.with(|people| rights.may_withdraw(invitation, people))),
        }
    };
    view! {
        <Show when=move || !list.with(<[Invitation]>::is_empty)>
            <h2 class="part-head loose">{text::INVITATIONS}</h2>
        </Show>
        <OpenItems list show end=END call=|id| Box::pin(call::withdraw_invitation(id))/>
    }
}
