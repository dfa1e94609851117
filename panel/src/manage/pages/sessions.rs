//! The list of a person's open sessions.

use leptos::prelude::*;
use pinlatch_protocol::admin::Session;
use pinlatch_protocol::name::UserName;

use crate::manage::call;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::list::List;
use crate::manage::parts::open_items::{End, OpenItem, OpenItems};
use crate::manage::words::account as text;

const END: End = End { mark: "session", label: text::END_SESSION, ended: text::SESSION_ENDED };

/// Shows the open sessions of a person. The session of the page has no button, because the account menu contains the
/// logout button.
#[component]
pub fn Sessions(username: UserName) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let person = username.clone();
    let list: List<Session> = List::start(move || Box::pin(call::sessions(person.clone())));
    let show = move |session: &Session| OpenItem {
        id: session.id.clone(),
        name: text::client(session),
        tag: session.current.then_some(text::THIS_SESSION),
        facts: text::session(
            &frame.moment(session.started_ms),
            frame.panel.now.get().saturating_sub(session.last_used_ms),
            &frame.moment(session.expires_at.saturating_mul(1_000)),
        ),
        may_end: !session.current,
    };
    view! {
        <OpenItems list show end=END call=move |id| Box::pin(call::end_session(username.clone(), id))/>
        <Show when=move || list.is_known() && list.with(<[Session]>::is_empty)>
            <p class="hint">{text::NO_SESSIONS}</p>
        </Show>
    }
}
