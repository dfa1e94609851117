//! The page with all people, their permissions, and the actions on people.

mod invite;
mod person_actions;

use leptos::prelude::*;
use pinlatch_protocol::admin::Person;
use pinlatch_protocol::name::UserName;

use self::person_actions::{Opened, PersonAction};
use crate::manage::call;
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::heading::Heading;
use crate::manage::rights::{Rights, is_last_owner};
use crate::manage::words;
use crate::manage::words::people as text;
use crate::manage::words::scope::{role_mark, role_name, sentences};

/// The state of the list of people.
#[derive(Clone, Copy)]
pub struct List {
    /// The list of all people, or `None` until the people are loaded.
    pub people: RwSignal<Option<Vec<Person>>>,
    doing: Doing,
    /// The action whose dialog is open.
    pub open: RwSignal<Option<PersonAction>>,
}

impl List {
    /// Loads the list of people.
    pub fn load(&self) {
        let people = self.people;
        self.doing.run(Box::pin(call::people()), move |found| people.set(Some(found)));
    }

    pub fn person(&self, name: &UserName) -> Option<Person> {
        let of = |people: &Vec<Person>| people.iter().find(|person| person.username == *name).cloned();
        self.people.with(|people| people.as_ref().and_then(of))
    }
}

#[component]
pub fn People() -> impl IntoView {
    let list = List { people: RwSignal::new(None), doing: Doing::read(), open: RwSignal::new(None) };
    provide_context(list);
    list.load();
    let names = Memo::new(move |_| {
        let names =
            |people: &Vec<Person>| people.iter().map(|person| person.username.clone()).collect::<Vec<_>>();
        list.people.with(|people| people.as_ref().map(names)).unwrap_or_default()
    });
    let failed = Memo::new(move |_| list.doing.failed.with(Option::is_some));
    view! {
        <main class="manage" aria-busy=move || list.people.with(Option::is_none).to_string()>
            <div class="page-top">
                <Heading page=Page::People/>
                <Button text=text::PASSWORD test_id="password" on_press=move || list.open.set(Some(PersonAction::Password))/>
                <Button text=text::WITHDRAW test_id="withdraw" on_press=move || list.open.set(Some(PersonAction::Withdraw))/>
                <Button
                    text=text::INVITE
                    test_id="invite"
                    class="primary"
                    on_press=move || list.open.set(Some(PersonAction::Invite))
                />
            </div>
            <Failed doing=list.doing/>
            <Show when=move || failed.get()>
                <Button text=words::RETRY test_id="retry" on_press=move || list.load()/>
            </Show>
            <ul class="cards people" data-testid="people">
                <For each=move || names.get() key=Clone::clone let:name>
                    <Card name/>
                </For>
            </ul>
            <Opened/>
        </main>
    }
}

/// Shows one person. Only changed parts are redrawn, so that the focused button keeps the focus.
#[component]
fn Card(name: UserName) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<List>();
    let known = name.clone();
    let person = Memo::new(move |_| list.person(&known));
    let role = Memo::new(move |_| person.with(|person| person.as_ref().and_then(|person| person.role)));
    let is_self = Memo::new(move |_| {
        frame.rights.with(|rights| person.with(|person| person.as_ref().is_some_and(|p| rights.is_self(p))))
    });
    let facts = move || {
        let (sessions, created_ms) =
            person.with(|person| person.as_ref().map_or((0, 0), |p| (p.sessions, p.created_ms)));
        text::card(sessions, frame.panel.now.get().saturating_sub(created_ms))
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
            <PersonActions name person/>
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
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Offer {
    change: bool,
    reset: bool,
    end: bool,
    forget: bool,
    is_last_owner: bool,
}

impl Offer {
    fn of(person: &Person, rights: &Rights, people: &[Person]) -> Self {
        let change = rights.may_change(person);
        Self {
            change,
            reset: rights.may_reset(person),
            end: change || rights.is_self(person),
            forget: change && !person.identities.is_empty(),
            is_last_owner: is_last_owner(person, people),
        }
    }
}

/// Shows the buttons for the offered actions.
#[component]
fn PersonActions(name: UserName, person: Memo<Option<Person>>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<List>();
    let offer = Memo::new(move |_| {
        let people = list.people.get().unwrap_or_default();
        let of = |person: &Person| frame.rights.with(|rights| Offer::of(person, rights, &people));
        person.with(|person| person.as_ref().map(of)).unwrap_or_default()
    });
    move || {
        let offer = offer.get();
        let button =
            |action: fn(UserName) -> PersonAction, text: &'static str, mark: &str, class: &'static str| {
                let (about, target) = (name.to_string(), name.clone());
                view! {
                    <Button
                        text
                        test_id=format!("{mark}-{name}")
                        about
                        class
                        on_press=move || list.open.set(Some(action(target.clone())))
                    />
                }
            };
        let may_lose = offer.change && !offer.is_last_owner;
        view! {
            <div class="row">
                {may_lose.then(|| button(PersonAction::Rights, text::CHANGE, "rights", "quiet"))}
                {offer.reset.then(|| button(PersonAction::Reset, text::RESET, "reset", "quiet"))}
                {offer.end.then(|| button(PersonAction::End, text::END, "end", "quiet"))}
                {offer.change.then(|| button(PersonAction::Admit, text::ADMIT, "admit", "quiet"))}
                {offer.forget.then(|| button(PersonAction::Forget, text::FORGET, "forget", "quiet"))}
                {may_lose.then(|| button(PersonAction::Remove, text::REMOVE, "remove", "quiet danger-text"))}
            </div>
            {(offer.change && offer.is_last_owner).then(|| view! { <p class="hint">{text::LAST_OWNER}</p> })}
        }
    }
}
