//! The page with all people, their permissions, and the actions on people.

mod invitations;
mod person_actions;
mod rights_fields;

use leptos::prelude::*;
use pinlatch_protocol::admin::Person;
use pinlatch_protocol::name::UserName;

use self::invitations::Invitations;
use self::person_actions::{Opened, Opener, PeopleList, PersonAction};
use crate::manage::call;
use crate::manage::page::Page;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::list::{List, ListPage};
use crate::manage::parts::more::More;
use crate::manage::rights::{Rights, is_last_owner};
use crate::manage::words::people as text;
use crate::manage::words::scope::{role_mark, role_name, sentences};

#[component]
pub fn People() -> impl IntoView {
    let list: PeopleList = List::start(|| Box::pin(call::people()));
    provide_context(list);
    let names = Memo::new(move |_| {
        list.with(|people| people.iter().map(|person| person.username.clone()).collect::<Vec<_>>())
    });
    let buttons = view! {
        <Opener action=PersonAction::Invite class="primary"/>
    };
    let below = view! {
        <Invitations people=list/>
        <Opened/>
    };
    view! {
        <ListPage page=Page::People buttons=buttons.into_any() loading=list.loading() below=below.into_any()>
            <ul class="cards people" data-testid="people">
                <For each=move || names.get() key=Clone::clone let:name>
                    <Card name/>
                </For>
            </ul>
        </ListPage>
    }
}

/// Shows one person. Only changed parts are redrawn, so that the focused button keeps the focus.
#[component]
fn Card(name: UserName) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<PeopleList>();
    let known = name.clone();
    let person = Memo::new(move |_| list.find(|person| person.username == known));
    let role = Memo::new(move |_| person.with(|person| person.as_ref().and_then(|person| person.role)));
    let is_self = Memo::new(move |_| {
        frame.rights.with(|rights| person.with(|person| person.as_ref().is_some_and(|p| rights.is_self(p))))
    });
    let facts = move || {
        let of = |person: &Person| {
            let here_ms = frame.panel.now.get().saturating_sub(person.created_ms);
            text::card(person.sessions, here_ms, person.added_by.as_deref())
        };
        person.with(|person| person.as_ref().map(of)).unwrap_or_default()
    };
    // If the person has a role, the role is shown and the single permissions are not listed.
    let allows = Memo::new(move |_| {
        let of = |person: &Person| person.role.is_none().then(|| sentences(&person.scope));
        person.with(|person| person.as_ref().and_then(of)).unwrap_or_default()
    });
    let identities = Memo::new(move |_| {
        let of = |person: &Person| person.identities.iter().map(text::identity).collect::<Vec<_>>();
        person.with(|person| person.as_ref().map(of)).unwrap_or_default()
    });
    let (shown, test_id) = (name.to_string(), format!("person-{name}"));
    view! {
        <li class="plate card" data-testid=test_id data-role=move || role_mark(role.get())>
            <p class="card-head">
                <strong class="name">{shown}</strong>
                {move || is_self.get().then(|| view! { <span class="tag">{text::YOU}</span> })}
                <span class="tag tag-role">{move || role_name(role.get())}</span>
            </p>
            <p class="card-facts">{facts}</p>
            {move || listed(None, allows.get())}
            {move || listed(Some(text::IDENTITIES), identities.get())}
            <PersonActions person/>
        </li>
    }
}

/// Shows a list of texts with an optional heading. Returns `None` if the list is empty.
fn listed(head: Option<&'static str>, texts: Vec<String>) -> Option<impl IntoView> {
    let head = head.map(|head| view! { <p class="small-head">{head}</p> });
    let items =
        |texts: Vec<String>| texts.into_iter().map(|text| view! { <li>{text}</li> }).collect::<Vec<_>>();
    (!texts.is_empty()).then(|| view! { {head} <ul class="allows">{items(texts)}</ul> })
}

/// The actions that are offered for a person.
#[derive(Clone, Default, PartialEq, Eq)]
struct Offer {
    actions: Vec<PersonAction>,
    /// Whether the viewer could change or remove the person, if there were another owner.
    needs_other_owner: bool,
}

impl Offer {
    fn of(person: &Person, rights: &Rights, people: &[Person]) -> Self {
        let change = rights.may_change(person);
        let is_last_owner = is_last_owner(person, people);
        let name = || person.username.clone();
        let all = [
            (PersonAction::Rights(name()), change && !is_last_owner),
            (PersonAction::Reset(name()), rights.may_reset(person)),
            (PersonAction::End(name()), change || rights.is_self(person)),
            (PersonAction::Admit(name()), change),
            (PersonAction::Forget(name()), change && !person.identities.is_empty()),
            (PersonAction::Remove(name()), change && !is_last_owner),
        ];
        let offered = all.into_iter().filter(|(_, offered)| *offered);
        Self {
            actions: offered.map(|(action, _)| action).collect(),
            needs_other_owner: change && is_last_owner,
        }
    }
}

/// The number of actions that are all shown as buttons. If there are more actions, the rare ones are in a menu.
const FEW: usize = 3;

/// The number of frequent actions, which are the first of the offered actions.
const FREQUENT: usize = 2;

/// Shows the buttons for the offered actions.
#[component]
fn PersonActions(person: Memo<Option<Person>>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<PeopleList>();
    let offer = Memo::new(move |_| {
        let of = |person: &Person| {
            frame.rights.with(|rights| list.with(|people| Offer::of(person, rights, people)))
        };
        person.with(|person| person.as_ref().map(of)).unwrap_or_default()
    });
    move || {
        let Offer { actions, needs_other_owner } = offer.get();
        let name = person.with_untracked(|person| person.as_ref().map(|person| person.username.to_string()));
        let name = name.unwrap_or_default();
        let menu = format!("more-{name}");
        let in_menu = |index: usize| actions.len() > FEW && index >= FREQUENT;
        let (rare, frequent): (Vec<_>, Vec<_>) =
            actions.iter().cloned().enumerate().partition(|(index, _)| in_menu(*index));
        let buttons = frequent.into_iter().map(|(_, action)| {
            let class = if action.is_removal() { "quiet danger-text" } else { "quiet" };
            view! { <Opener action class/> }
        });
        let buttons: Vec<_> = buttons.collect();
        let more = (!rare.is_empty()).then(|| {
            let rare = rare.into_iter().map(|(_, action)| {
                let class = if action.is_removal() { "place danger-text" } else { "place" };
                view! { <Opener action class menu=menu.clone()/> }
            });
            let rare: Vec<_> = rare.collect();
            view! { <More id=menu.clone() about=name>{rare}</More> }
        });
        view! {
            <div class="row">{buttons} {more}</div>
            {needs_other_owner.then(|| view! { <p class="hint">{text::LAST_OWNER}</p> })}
        }
    }
}
