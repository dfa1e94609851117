//! People: who is there, what they may do, and what can be done about it.

mod deeds;
mod invite;

use leptos::prelude::*;
use pinlatch_protocol::admin::Person;
use pinlatch_protocol::name::UserName;

use self::deeds::{Deed, Opened};
use crate::manage::call;
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::heading::Heading;
use crate::manage::rights::is_last_owner;
use crate::manage::words;
use crate::manage::words::people as text;
use crate::manage::words::scope::{role_name, sentences};

/// The people, and the way to look at them again.
#[derive(Clone, Copy)]
pub struct List {
    /// The people, once they are known.
    pub people: RwSignal<Option<Vec<Person>>>,
    doing: Doing,
    /// What is open over the page.
    pub open: RwSignal<Option<Deed>>,
}

impl List {
    /// Asks for the people.
    pub fn load(&self) {
        let people = self.people;
        self.doing.run(Box::pin(call::people()), move |found| people.set(Some(found)));
    }

    /// A person.
    pub fn person(&self, name: &UserName) -> Option<Person> {
        let of = |people: &Vec<Person>| people.iter().find(|person| person.username == *name).cloned();
        self.people.with(|people| people.as_ref().and_then(of))
    }
}

/// The page.
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
                <Button text=text::PASSWORD test_id="password" on_press=move || list.open.set(Some(Deed::Password))/>
                <Button text=text::WITHDRAW test_id="withdraw" on_press=move || list.open.set(Some(Deed::Withdraw))/>
                <Button
                    text=text::INVITE
                    test_id="invite"
                    class="primary"
                    on_press=move || list.open.set(Some(Deed::Invite))
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

/// One person.
#[component]
fn Card(name: UserName) -> impl IntoView {
    let list = expect_context::<List>();
    let name = StoredValue::new(name);
    let person = Memo::new(move |_| list.person(&name.get_value()));
    // Drawn anew when anything of the person changes: that is rare, and by somebody's hand.
    move || person.get().map(|person| view! { <Known person/> })
}

#[component]
fn Known(person: Person) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<List>();
    let name = person.username.clone();
    let is_self = frame.rights.with_untracked(|rights| rights.is_self(&person));
    let (sessions, created_ms) = (person.sessions, person.created_ms);
    let facts = move || text::card(sessions, frame.panel.now.get().saturating_sub(created_ms));
    let identities: Vec<_> =
        person.identities.iter().map(|rule| view! { <li>{text::identity(rule)}</li> }).collect();
    let allows: Vec<_> = match person.role {
        Some(_) => vec![],
        None => sentences(&person.scope).into_iter().map(|words| view! { <li>{words}</li> }).collect(),
    };
    view! {
        <li class="plate card" data-testid=format!("person-{name}") data-role=role_name(person.role).to_lowercase()>
            <p class="card-head">
                <strong class="name">{name.to_string()}</strong>
                {is_self.then(|| view! { <span class="tag">{text::YOU}</span> })}
                <span class="tag tag-role">{role_name(person.role)}</span>
            </p>
            <p class="card-facts">{facts}</p>
            {(!allows.is_empty()).then(|| view! { <ul class="allows">{allows}</ul> })}
            {(!identities.is_empty())
                .then(|| {
                    view! {
                        <p class="small-head">{text::IDENTITIES}</p>
                        <ul class="allows">{identities}</ul>
                    }
                })}
            <Deeds list person=person.clone()/>
        </li>
    }
}

/// What can be done about a person, as far as it is offered.
#[component]
fn Deeds(list: List, person: Person) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let name = person.username.clone();
    let has_identities = !person.identities.is_empty();
    let last = list
        .people
        .with_untracked(|people| people.as_ref().is_some_and(|people| is_last_owner(&person, people)));
    let offered = Memo::new(move |_| {
        frame.rights.with(|rights| {
            let (change, reset, own) =
                (rights.may_change(&person), rights.may_reset(&person), rights.is_self(&person));
            (change, reset, own)
        })
    });
    move || {
        let (change, reset, own) = offered.get();
        let button = |deed: fn(UserName) -> Deed, text: &'static str, mark: &str, class: &'static str| {
            let (about, target) = (name.to_string(), name.clone());
            view! {
                <Button
                    text
                    test_id=format!("{mark}-{name}")
                    about
                    class
                    on_press=move || list.open.set(Some(deed(target.clone())))
                />
            }
        };
        let may_lose = change && !last;
        view! {
            <div class="row">
                {may_lose.then(|| button(Deed::Rights, text::CHANGE, "rights", "quiet"))}
                {reset.then(|| button(Deed::Reset, text::RESET, "reset", "quiet"))}
                {(change || own).then(|| button(Deed::End, text::END, "end", "quiet"))}
                {change.then(|| button(Deed::Admit, text::ADMIT, "admit", "quiet"))}
                {(change && has_identities).then(|| button(Deed::Forget, text::FORGET, "forget", "quiet"))}
                {may_lose.then(|| button(Deed::Remove, text::REMOVE, "remove", "quiet danger-text"))}
            </div>
            {(change && last).then(|| view! { <p class="hint">{text::LAST_OWNER}</p> })}
        }
    }
}
