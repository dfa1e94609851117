//! The page of the token inspector. Pasted text is stored only in the memory of the page.

mod fields;
mod result;

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;

use self::fields::{GIVEN, KeyFields, SITE, StatementFields};
use self::result::{Result, ResultView};
use crate::manage::activity::field;
use crate::manage::call;
use crate::manage::inspect::statement::{self, Given, Trust};
use crate::manage::inspect::{Keys, Wanted, check, given_key, site_keys, token};
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::field::Area;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::heading::Heading;
use crate::manage::words::{inspector as text, statement as statement_text};
use crate::ui::skip::MAIN;

/// The contents of the fields. The struct is cheap to copy.
#[derive(Clone, Copy)]
struct Input {
    token: RwSignal<String>,
    /// The chosen keys for a token that is no statement.
    source: RwSignal<String>,
    key: RwSignal<String>,
    issuer: RwSignal<String>,
    audience: RwSignal<String>,
    /// The owner's public root key and the device's identity, for a statement.
    root: RwSignal<String>,
    identity: RwSignal<String>,
    nonce: RwSignal<String>,
    /// Whether a private key was pasted and removed.
    was_private: RwSignal<bool>,
}

impl Input {
    fn new(token: String) -> Self {
        let empty = || RwSignal::new(String::new());
        Self {
            token: RwSignal::new(token),
            source: RwSignal::new(SITE.to_owned()),
            key: empty(),
            issuer: empty(),
            audience: empty(),
            root: empty(),
            identity: empty(),
            nonce: empty(),
            was_private: RwSignal::new(false),
        }
    }

    fn clear(&self) {
        for text in [self.token, self.key, self.root, self.identity, self.nonce] {
            text.try_set(String::new());
        }
        self.was_private.try_set(false);
    }
}

#[component]
pub fn Inspector() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let input = Input::new(frame.take_inspected());
    let site_set = RwSignal::new(None);
    let site_failed = RwSignal::new(false);
    spawn_local(async move {
        let found = call::jwks().await.ok().and_then(|jwks| site_keys(&jwks).ok());
        site_failed.try_set(found.is_none());
        site_set.try_set(found);
    });
    // The fields are also cleared when the browser puts the page into its back/forward cache.
    let leaving = window_event_listener_untyped("pagehide", move |_| input.clear());
    on_cleanup(move || leaving.remove());

    let opened = RwSignal::new(None);
    let kind = Memo::new(move |_| input.token.with(|pasted| statement::kind(token(pasted))));
    let is_given = Memo::new(move |_| input.source.with(|source| source == GIVEN));
    // The code uses signals and not memos, because keys cannot be compared.
    let given = Signal::derive(move || {
        let key = input.key.get();
        (!key.trim().is_empty()).then(|| given_key(&key).map_err(|error| error.to_string()))
    });
    let now = Memo::new(move |_| frame.panel.now.get() / 1_000);
    let trust = Signal::derive(move || Trust::read(&input.root.get(), &input.identity.get(), now.get()));
    let key_wrong = Signal::derive(move || match given.get() {
        Some(Err(wrong)) if is_given.get() => text::bad_key(&wrong),
        _ => String::new(),
    });
    let root_wrong = Memo::new(move |_| match trust.get().root {
        _ if input.was_private.get() => statement_text::ROOT_PRIVATE.into(),
        Given::Wrong(wrong) => text::bad_key(&wrong.to_string()),
        _ => String::new(),
    });
    let identity_wrong = Memo::new(move |_| match trust.get().identity {
        Given::Wrong(wrong) => statement_text::bad_identity(&wrong),
        _ => String::new(),
    });
    let finding = Memo::new(move |_| {
        let pasted = input.token.get();
        let token = token(&pasted);
        if token.is_empty() {
            return None;
        }
        let of = |value: RwSignal<String>| field(&value.get());
        // The memo is subscribed to the time, because a token may expire while the page is open.
        let found = match kind.get() {
            Some(kind) => statement::check(token, kind, &trust.get(), of(input.nonce).as_deref(), now.get()),
            None => {
                let keys = match (is_given.get(), given.get(), site_set.get()) {
                    (true, Some(Ok(set)), _) => Keys::Given(set),
                    (true, Some(Err(_)), _) => Keys::None(Some(text::KEY_UNUSABLE)),
                    (true, None, _) => Keys::None(None),
                    (false, _, Some(set)) => Keys::Site(set),
                    (false, _, None) => Keys::None(Some(text::KEYS_NOT_LOADED)),
                };
                let wanted = if is_given.get() {
                    Wanted { issuer: of(input.issuer), audience: of(input.audience) }
                } else {
                    Wanted::default()
                };
                check(token, &keys, &wanted, &frame.site(), now.get())
            }
        };
        Some(ResultView::of(&found, |ms| frame.exact(ms)))
    });
    view! {
        <main id=MAIN class="manage">
            <Heading page=Page::Inspector/>
            <p class="lead">{text::TEXT}</p>
            <div class="plate form">
                <Area label=text::TOKEN id="inspect-token" value=input.token hint=text::TOKEN_HINT rows=6/>
                {move || match kind.get() {
                    Some(kind) => view! {
                        <StatementFields kind input root_wrong identity_wrong/>
                    }
                    .into_any(),
                    None => view! {
                        <KeyFields
                            input
                            is_given
                            key_wrong
                            no_site_keys=Signal::derive(move || site_failed.get() && !is_given.get())
                        />
                    }
                    .into_any(),
                }}
                <div class="row">
                    <Button text=text::CLEAR test_id="inspect-clear" on_press=move || input.clear()/>
                </div>
            </div>
            {move || finding.get().map(|view| view! { <Result view opened/> })}
        </main>
    }
}
