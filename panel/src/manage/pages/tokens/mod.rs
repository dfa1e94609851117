//! The page with the API tokens and guest links. The page shows their status and can revoke them.

mod make;

use leptos::prelude::*;
use pinlatch_protocol::admin::{TokenKind, TokenView};

use self::make::Make;
use crate::manage::call;
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::dialog::{Body, FormDialog, MakeCall, then_close, then_sign_in};
use crate::manage::parts::frame::{Frame, every};
use crate::manage::parts::list::{List, ListPage};
use crate::manage::rights::Rights;
use crate::manage::validity::TokenStatus;
use crate::manage::words::{self, scope::sentences, tokens as text};

/// The interval between two reloads of the list, in seconds.
const AGAIN_S: u64 = 15;

/// The dialog that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Open {
    Make(TokenKind),
    Revoke(String),
    Stop,
}

type TokenList = List<TokenView, Open>;

fn token(list: TokenList, jti: &str) -> Option<TokenView> {
    list.find(|token| token.jti == jti)
}

#[component]
pub fn Tokens() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = TokenList::start(|| Box::pin(call::tokens()));
    provide_context(list);
    every(AGAIN_S, move || {
        if list.open.with_untracked(Option::is_none) {
            list.load();
        }
    });
    let ids = move |lives: bool| {
        Memo::new(move |_| {
            let now_ms = frame.panel.now.get();
            list.with(|tokens| {
                let fit = tokens.iter().filter(|token| TokenStatus::of(token, now_ms).lives() == lives);
                fit.map(|token| token.jti.clone()).collect::<Vec<_>>()
            })
        })
    };
    let (live, ended) = (ids(true), ids(false));
    let none = Memo::new(move |_| {
        let text = if ended.with(Vec::is_empty) { text::NONE } else { text::NONE_LIVE };
        (list.is_known() && live.with(Vec::is_empty)).then_some(text)
    });
    let buttons = view! {
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
    };
    let below = view! {
        <Show when=move || !ended.with(Vec::is_empty)>
            <h2 class="part-head loose">{text::ENDED}</h2>
            <ul class="cards" data-testid="ended-tokens">
                <For each=move || ended.get() key=Clone::clone let:jti>
                    <Card jti/>
                </For>
            </ul>
        </Show>
        <Show when=move || frame.rights.with(Rights::may_stop)>
            <h2 class="part-head loose">{text::STOP}</h2>
            <p class="lead">{text::STOP_WHEN}</p>
            <div class="row">
                <Button
                    text=text::STOP
                    test_id="stop"
                    class="quiet danger-text"
                    on_press=move || list.open.set(Some(Open::Stop))
                />
            </div>
        </Show>
        <Opened/>
    };
    view! {
        <ListPage page=Page::Tokens buttons=buttons.into_any() loading=list.loading() none below=below.into_any()>
            <ul class="cards" data-testid="tokens">
                <For each=move || live.get() key=Clone::clone let:jti>
                    <Card jti/>
                </For>
            </ul>
        </ListPage>
    }
}

#[component]
fn Card(jti: String) -> impl IntoView {
    let list = expect_context::<TokenList>();
    let jti = StoredValue::new(jti);
    let token = Memo::new(move |_| token(list, &jti.get_value()));
    move || token.get().map(|token| view! { <Known token/> })
}

#[component]
fn Known(token: TokenView) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let list = expect_context::<TokenList>();
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
    let frame = expect_context::<Frame>();
    let list = expect_context::<TokenList>();
    let close = move |()| {
        list.open.set(None);
        list.load();
    };
    move || match list.open.get() {
        None => ().into_any(),
        Some(Open::Make(kind)) => view! { <Make kind on_close=close/> }.into_any(),
        Some(Open::Stop) => {
            let call: MakeCall = Box::new(move || Ok(then_sign_in(&frame, call::stop())));
            view! {
                <FormDialog
                    title=text::STOP
                    mark="stop"
                    text=text::STOP_TEXT
                    go=text::STOP_GO
                    body=Body::Confirm(None)
                    call
                    on_close=close
                />
            }
            .into_any()
        }
        Some(Open::Revoke(jti)) => {
            let name = untrack(|| token(list, &jti)).map(|token| token.name).unwrap_or_default();
            let call: MakeCall = Box::new(move || Ok(then_close(call::revoke(jti.clone()))));
            view! {
                <FormDialog
                    title=words::titled(text::REVOKE, &name)
                    mark="revoke"
                    text=text::REVOKE_TEXT
                    go=text::REVOKE
                    body=Body::Confirm(None)
                    call
                    on_close=close
                />
            }
            .into_any()
        }
    }
}
