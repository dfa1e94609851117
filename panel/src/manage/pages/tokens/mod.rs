//! The page with the API tokens and guest links. The page shows their status and can revoke them.

mod make;

use leptos::prelude::*;
use pinlatch_protocol::admin::{TokenKind, TokenView};

use self::make::Make;
use crate::manage::call;
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::dialog::{Confirm, Dialog};
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::frame::{Frame, every};
use crate::manage::parts::heading::Heading;
use crate::manage::validity::TokenStatus;
use crate::manage::words::{self, scope::sentences, tokens as text};

/// The interval between two reloads of the list, in seconds.
const AGAIN_S: u64 = 15;

/// The dialog that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Open {
    Make(TokenKind),
    Revoke(String),
}

/// The list of API tokens and guest links.
#[derive(Clone, Copy)]
struct List {
    tokens: RwSignal<Option<Vec<TokenView>>>,
    doing: Doing,
    open: RwSignal<Option<Open>>,
}

impl List {
    fn load(&self) {
        let tokens = self.tokens;
        self.doing.run(Box::pin(call::tokens()), move |found| tokens.set(Some(found)));
    }

    fn token(&self, jti: &str) -> Option<TokenView> {
        let of = |tokens: &Vec<TokenView>| tokens.iter().find(|token| token.jti == jti).cloned();
        self.tokens.with(|tokens| tokens.as_ref().and_then(of))
    }
}

#[component]
pub fn Tokens() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = List { tokens: RwSignal::new(None), doing: Doing::read(), open: RwSignal::new(None) };
    provide_context(list);
    list.load();
    every(AGAIN_S, move || {
        if list.open.with_untracked(Option::is_none) {
            list.load();
        }
    });
    let ids = move |lives: bool| {
        Memo::new(move |_| {
            let now_ms = frame.panel.now.get();
            let of = |tokens: &Vec<TokenView>| {
                let fit = tokens.iter().filter(|token| TokenStatus::of(token, now_ms).lives() == lives);
                fit.map(|token| token.jti.clone()).collect::<Vec<_>>()
            };
            list.tokens.with(|tokens| tokens.as_ref().map(of)).unwrap_or_default()
        })
    };
    let (live, ended) = (ids(true), ids(false));
    let is_known = Memo::new(move |_| list.tokens.with(Option::is_some));
    let failed = Memo::new(move |_| list.doing.failed.with(Option::is_some));
    view! {
        <main class="manage" aria-busy=move || (!is_known.get()).to_string()>
            <div class="page-top">
                <Heading page=Page::Tokens/>
                <Button
                    text=text::NEW_API
                    test_id="new-api"
                    on_press=move || list.open.set(Some(Open::Make(TokenKind::Api)))
                />
                <Button
                    text=text::NEW_GUEST
                    test_id="new-guest"
                    class="primary"
                    on_press=move || list.open.set(Some(Open::Make(TokenKind::Guest)))
                />
            </div>
            <Failed doing=list.doing/>
            <Show when=move || failed.get()>
                <Button text=words::RETRY test_id="retry" on_press=move || list.load()/>
            </Show>
            <ul class="cards" data-testid="tokens">
                <For each=move || live.get() key=Clone::clone let:jti>
                    <Card jti/>
                </For>
            </ul>
            <Show when=move || is_known.get() && live.with(Vec::is_empty)>
                <p class="plate plate-text" data-testid="none">
                    {move || if ended.with(Vec::is_empty) { text::NONE } else { text::NONE_LIVE }}
                </p>
            </Show>
            <Show when=move || !ended.with(Vec::is_empty)>
                <h2 class="part-head loose">{text::ENDED}</h2>
                <ul class="cards" data-testid="ended-tokens">
                    <For each=move || ended.get() key=Clone::clone let:jti>
                        <Card jti/>
                    </For>
                </ul>
            </Show>
            <Opened/>
        </main>
    }
}

#[component]
fn Card(jti: String) -> impl IntoView {
    let list = expect_context::<List>();
    let jti = StoredValue::new(jti);
    let token = Memo::new(move |_| list.token(&jti.get_value()));
    move || token.get().map(|token| view! { <Known token/> })
}

#[component]
fn Known(token: TokenView) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<List>();
    let own = token.clone();
    let status = Memo::new(move |_| TokenStatus::of(&own, frame.panel.now.get()));
    let may = {
        let token = token.clone();
        Memo::new(move |_| frame.rights.with(|rights| rights.may_revoke(&token)))
    };
    let TokenView { jti, kind, name, scope, not_before, expires_at, .. } = token.clone();
    let window = text::window(
        &frame.moment(not_before.saturating_mul(1_000)),
        &frame.moment(expires_at.saturating_mul(1_000)),
    );
    let facts = move || text::card(&token, frame.panel.now.get());
    let allows: Vec<_> = sentences(&scope).into_iter().map(|words| view! { <li>{words}</li> }).collect();
    let (about, test_id) = (name.clone(), format!("token-{jti}"));
    view! {
        <li
            class="plate card"
            data-testid=test_id
            data-kind=kind.as_str()
            data-standing=move || status.get().mark()
        >
            <p class="card-head">
                <strong class="name">{name}</strong>
                <span class="tag">{text::kind(kind)}</span>
                <span class="tag tag-standing">{move || text::status(status.get())}</span>
            </p>
            <ul class="allows">{allows}</ul>
            <p class="card-facts">{window}</p>
            <p class="card-facts">{facts}</p>
            {move || {
                if !status.get().lives() {
                    ().into_any()
                } else if may.get() {
                    let jti = jti.clone();
                    view! {
                        <div class="row">
                            <Button
                                text=text::REVOKE
                                test_id=format!("revoke-{jti}")
                                about=about.clone()
                                class="quiet danger-text"
                                on_press=move || list.open.set(Some(Open::Revoke(jti.clone())))
                            />
                        </div>
                    }
                    .into_any()
                } else {
                    view! { <p class="hint">{text::NOT_YOURS}</p> }.into_any()
                }
            }}
        </li>
    }
}

/// Shows the open dialog.
#[component]
fn Opened() -> impl IntoView {
    let list = expect_context::<List>();
    let close = move |()| {
        list.open.set(None);
        list.load();
    };
    move || match list.open.get() {
        None => ().into_any(),
        Some(Open::Make(kind)) => {
            let title = if kind == TokenKind::Guest { text::NEW_GUEST } else { text::NEW_API };
            view! {
                <Dialog title test_id="make-dialog" on_close=close>
                    <Make kind/>
                </Dialog>
            }
            .into_any()
        }
        Some(Open::Revoke(jti)) => {
            let name = untrack(|| list.token(&jti)).map(|token| token.name).unwrap_or_default();
            let work = move || Box::pin(call::revoke(jti.clone())) as _;
            view! {
                <Confirm
                    title=words::titled(text::REVOKE, &name)
                    text=text::REVOKE_TEXT
                    word=text::REVOKE
                    test_id="revoke-dialog"
                    work
                    done=|()| ()
                    on_close=close
                />
            }
            .into_any()
        }
    }
}
