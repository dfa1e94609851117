//! A list of open sessions, invitations or enrolment strings. Each item has a button that ends the item.

use leptos::prelude::*;

use super::button::Button;
use super::doing::{Doing, Failed, Work};
use super::frame::Frame;
use super::list::{List, LoadFailure};

/// An item of the list, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    pub id: String,
    pub name: String,
    pub tag: Option<&'static str>,
    pub facts: String,
    pub may_end: bool,
}

/// The button that ends an item.
#[derive(Clone, Copy)]
pub struct End {
    /// The first part of each `data-testid` of the list.
    pub mark: &'static str,
    /// The label of the button.
    pub label: &'static str,
    /// The announcement after the item has ended.
    pub ended: &'static str,
}

/// Shows the items of a list.
#[component]
pub fn OpenItems<T: Clone + Send + Sync + 'static>(
    list: List<T>,
    show: impl Fn(&T) -> OpenItem + Send + Sync + 'static,
    end: End,
    call: impl Fn(String) -> Work<()> + 'static,
) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let doing = Doing::write();
    let items = Memo::new(move |_| list.with(|items| items.iter().map(&show).collect::<Vec<_>>()));
    let ids = move || items.with(|items| items.iter().map(|item| item.id.clone()).collect::<Vec<_>>());
    let call = StoredValue::new_local(call);
    let press = move |id: String| {
        doing.run(call.with_value(|call| call(id)), move |()| {
            frame.say(end.ended);
            list.load();
        });
    };
    view! {
        <LoadFailure loading=list.loading()/>
        <Failed doing/>
        <ul class="cards" data-testid=format!("{}s", end.mark)>
            <For each=ids key=Clone::clone let:id>
                <Card id items end on_press=press/>
            </For>
        </ul>
    }
}

/// Shows one item. Only changed parts are redrawn, so that the focused button keeps the focus.
#[component]
fn Card(
    id: String,
    items: Memo<Vec<OpenItem>>,
    end: End,
    on_press: impl Fn(String) + Copy + Send + 'static,
) -> impl IntoView {
    let test_id = format!("{}-{id}", end.mark);
    let button_id = format!("end-{test_id}");
    let own = id.clone();
    let item = Memo::new(move |_| items.with(|items| items.iter().find(|item| item.id == own).cloned()));
    let name = move || item.with(|item| item.as_ref().map(|item| item.name.clone()).unwrap_or_default());
    let tag = move || item.with(|item| item.as_ref().and_then(|item| item.tag));
    let facts = move || item.with(|item| item.as_ref().map(|item| item.facts.clone()));
    let may_end = Memo::new(move |_| item.with(|item| item.as_ref().is_some_and(|item| item.may_end)));
    view! {
        <li class="plate card" data-testid=test_id>
            <p class="card-head">
                <strong class="name">{name}</strong>
                {move || tag().map(|tag| view! { <span class="tag">{tag}</span> })}
            </p>
            <p class="card-facts">{facts}</p>
            {move || {
                let id = id.clone();
                let about = untrack(name);
                may_end
                    .get()
                    .then(|| {
                        view! {
                            <div class="row">
                                <Button
                                    text=end.label
                                    test_id=button_id.clone()
                                    about
                                    class="quiet danger-text"
                                    on_press=move || on_press(id.clone())
                                />
                            </div>
                        }
                    })
            }}
        </li>
    }
}
