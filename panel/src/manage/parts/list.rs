//! The pages with a list.

use leptos::prelude::*;

use super::button::Button;
use super::doing::{Doing, Failed, Work};
use super::heading::Heading;
use crate::manage::page::Page;
use crate::manage::words;
use crate::ui::skip::MAIN;

/// Returns the API call that loads a list.
type LoadCall<T> = Box<dyn Fn() -> Work<Vec<T>>>;

/// A list that a page loads from the edge, and the dialog `D` that is open on the page. The struct is cheap to copy,
/// because it contains only signals.
pub struct List<T: 'static, D: 'static = ()> {
    /// The items, or `None` until the items are loaded.
    items: RwSignal<Option<Vec<T>>>,
    call: StoredValue<LoadCall<T>, LocalStorage>,
    doing: Doing,
    pub open: RwSignal<Option<D>>,
}

impl<T: 'static, D: 'static> Clone for List<T, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static, D: 'static> Copy for List<T, D> {}

impl<T: Clone + Send + Sync + 'static, D: Send + Sync + 'static> List<T, D> {
    /// Starts to load a list.
    pub fn start(call: impl Fn() -> Work<Vec<T>> + 'static) -> Self {
        let call: LoadCall<T> = Box::new(call);
        let list = Self {
            items: RwSignal::new(None),
            call: StoredValue::new_local(call),
            doing: Doing::read(),
            open: RwSignal::new(None),
        };
        list.load();
        list
    }

    pub fn load(&self) {
        let items = self.items;
        self.doing.run(self.call.with_value(|call| call()), move |found| items.set(Some(found)));
    }

    pub fn is_known(&self) -> bool {
        self.items.with(Option::is_some)
    }

    /// Reads the items. There are no items until the items are loaded.
    pub fn with<R>(&self, read: impl FnOnce(&[T]) -> R) -> R {
        self.items.with(|items| read(items.as_deref().unwrap_or_default()))
    }

    pub fn find(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        self.with(|items| items.iter().find(|item| fits(item)).cloned())
    }

    /// Returns the state of loading for [`ListPage`].
    pub fn loading(self) -> Loading {
        let is_known = Signal::derive(move || self.is_known());
        Loading { doing: self.doing, is_known, retry: Some(Callback::new(move |()| self.load())) }
    }
}

/// The state of loading a list.
#[derive(Clone, Copy)]
pub struct Loading {
    pub doing: Doing,
    pub is_known: Signal<bool>,
    /// Loads the list again after an error. A list that is loaded periodically needs no retry.
    pub retry: Option<Callback<()>>,
}

/// Shows a page with a list, which is the child of this component.
#[component]
pub fn ListPage(
    page: Page,
    /// The buttons next to the heading.
    buttons: AnyView,
    /// The filter above the list.
    #[prop(optional)]
    filter: Option<AnyView>,
    /// The state of loading, if the list is loaded by an API call.
    #[prop(optional)]
    loading: Option<Loading>,
    /// The text in place of an empty list.
    #[prop(optional)]
    none: Option<Memo<Option<&'static str>>>,
    /// The content below the list.
    below: AnyView,
    children: Children,
) -> impl IntoView {
    view! {
        <main
            id=MAIN
            class="manage"
            aria-busy=move || loading.map(|loading| (!loading.is_known.get()).to_string())
        >
            <div class="page-top">
                <Heading page/>
                {buttons}
            </div>
            {filter}
            {loading.map(|loading| view! { <LoadFailure loading/> })}
            {children()}
            {move || {
                none.and_then(|none| none.get())
                    .map(|none| view! { <p class="plate plate-text" data-testid="none">{none}</p> })
            }}
            {below}
        </main>
    }
}

/// Shows the error if a list could not be loaded, and a button to load the list again.
#[component]
pub fn LoadFailure(loading: Loading) -> impl IntoView {
    let Loading { doing, retry, .. } = loading;
    let failed = Memo::new(move |_| doing.failed.with(Option::is_some));
    view! {
        <Failed doing/>
        {retry
            .map(|retry| {
                view! {
                    <Show when=move || failed.get()>
                        <Button text=words::RETRY test_id="retry" on_press=move || retry.run(())/>
                    </Show>
                }
            })}
    }
}
