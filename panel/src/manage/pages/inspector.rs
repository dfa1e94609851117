//! The page of the token inspector. Pasted text is stored only in the memory of the page.

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_token::{Check, Explanation, Member};

use crate::manage::activity::field;
use crate::manage::call;
use crate::manage::inspect::{Finding, Keys, Verdict, Wanted, check, given_key, reasons, site_keys, token};
use crate::manage::page::Page;
use crate::manage::parts::button::Button;
use crate::manage::parts::field::{Field, Radio};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::heading::Heading;
use crate::manage::words::inspector as text;
use crate::ui::skip::MAIN;

/// The choices for the source of the key.
const SITE: &str = "site";
const GIVEN: &str = "given";

#[component]
pub fn Inspector() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let empty = || RwSignal::new(String::new());
    let (pasted, key, issuer, audience) = (empty(), empty(), empty(), empty());
    let source = RwSignal::new(SITE.to_owned());
    let site_set = RwSignal::new(None);
    let site_failed = RwSignal::new(false);
    spawn_local(async move {
        let found = call::jwks().await.ok().and_then(|jwks| site_keys(&jwks).ok());
        site_failed.try_set(found.is_none());
        site_set.try_set(found);
    });
    let clear = move || {
        for secret in [pasted, key] {
            secret.try_set(String::new());
        }
    };
    // The fields are also cleared when the browser puts the page into its back/forward cache.
    let leaving = window_event_listener_untyped("pagehide", move |_| clear());
    on_cleanup(move || leaving.remove());

    let opened = RwSignal::new(None);
    let is_given = Memo::new(move |_| source.with(|source| source == GIVEN));
    // The code uses a signal and not a memo, because key sets cannot be compared.
    let given = Signal::derive(move || {
        let key = key.get();
        (!key.trim().is_empty()).then(|| given_key(&key).map_err(|error| error.to_string()))
    });
    let key_wrong = move || match given.get() {
        Some(Err(wrong)) if is_given.get() => Some(text::bad_key(&wrong)),
        _ => None,
    };
    let finding = Memo::new(move |_| {
        let pasted = pasted.get();
        let token = token(&pasted);
        if token.is_empty() {
            return None;
        }
        let keys = match (is_given.get(), given.get(), site_set.get()) {
            (true, Some(Ok(set)), _) => Keys::Given(set),
            (true, Some(Err(_)), _) => Keys::None(Some(text::KEY_UNUSABLE)),
            (true, None, _) => Keys::None(None),
            (false, _, Some(set)) => Keys::Site(set),
            (false, _, None) => Keys::None(Some(text::KEYS_NOT_LOADED)),
        };
        let of = |value: RwSignal<String>| field(&value.get());
        let wanted = if is_given.get() {
            Wanted { issuer: of(issuer), audience: of(audience) }
        } else {
            Wanted::default()
        };
        // The memo is subscribed to the time, because a token may expire while the page is open.
        let now = frame.panel.now.get() / 1_000;
        Some(ResultView::of(&check(token, &keys, &wanted, &frame.site(), now)))
    });
    view! {
        <main id=MAIN class="manage">
            <Heading page=Page::Inspector/>
            <p class="lead">{text::TEXT}</p>
            <div class="plate form">
                <div class="field">
                    <label for="inspect-token">{text::TOKEN}</label>
                    <textarea
                        id="inspect-token"
                        data-testid="inspect-token"
                        class="mono"
                        rows="6"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        aria-describedby="inspect-token-hint"
                        prop:value=move || pasted.get()
                        on:input=move |event| pasted.set(event_target_value(&event))
                    ></textarea>
                    <p class="hint" id="inspect-token-hint">{text::TOKEN_HINT}</p>
                </div>
                <fieldset class="choices">
                    <legend>{text::KEY}</legend>
                    <Radio name="keys" value=source mark=SITE label=text::KEY_SITE/>
                    <Radio name="keys" value=source mark=GIVEN label=text::KEY_GIVEN/>
                </fieldset>
                {move || {
                    (site_failed.get() && !is_given.get()).then(|| view! { <p class="hint" role="status">{text::NO_KEYS}</p> })
                }}
                {move || {
                    is_given
                        .get()
                        .then(|| {
                            view! {
                                <div class="field">
                                    <label for="inspect-key">{text::KEY_PASTE}</label>
                                    <textarea
                                        id="inspect-key"
                                        data-testid="inspect-key"
                                        class="mono"
                                        rows="4"
                                        autocomplete="off"
                                        autocapitalize="none"
                                        spellcheck="false"
                                        aria-describedby="inspect-key-hint"
                                        prop:value=move || key.get()
                                        on:input=move |event| key.set(event_target_value(&event))
                                    ></textarea>
                                    <p class="hint" id="inspect-key-hint">{text::KEY_HINT}</p>
                                    <p class="wrong" role="alert" data-testid="key-wrong">{key_wrong}</p>
                                </div>
                                <div class="columns">
                                    <Field label=text::ISSUER id="inspect-issuer" value=issuer hint=text::ANY/>
                                    <Field label=text::AUDIENCE id="inspect-audience" value=audience hint=text::ANY/>
                                </div>
                            }
                        })
                }}
                <div class="row">
                    <Button text=text::CLEAR test_id="inspect-clear" on_press=clear/>
                </div>
            </div>
            {move || finding.get().map(|view| view! { <Result view opened/> })}
        </main>
    }
}

/// The texts that show a finding. Texts can be compared, so the result is redrawn only if a text has changed.
#[derive(Debug, Clone, PartialEq)]
struct ResultView {
    verdict: Verdict,
    kind: Option<&'static str>,
    reasons: Vec<String>,
    header: Vec<[String; 3]>,
    claims: Vec<[String; 3]>,
    checks: Vec<(String, &'static str, String)>,
}

impl ResultView {
    fn of(finding: &Finding) -> Self {
        let Finding { kind, explanation, verdict } = finding;
        let Explanation { header, claims, checks, .. } = explanation;
        let member = |member: &Member| {
            let value = member.value.as_str().map_or_else(|| member.value.to_string(), ToOwned::to_owned);
            [member.name.clone(), value, member.meaning.clone().unwrap_or_default()]
        };
        let check = |check: &Check| {
            let name = text::check(check.name).to_owned();
            (name, text::outcome_mark(&check.outcome), text::outcome(&check.outcome))
        };
        Self {
            verdict: *verdict,
            kind: kind.map(text::kind),
            reasons: reasons(explanation),
            header: header.iter().map(member).collect(),
            claims: claims.iter().map(member).collect(),
            checks: checks.iter().map(check).collect(),
        }
    }
}

#[component]
fn Result(
    view: ResultView,
    /// Whether the person has opened or closed the list of checks.
    opened: RwSignal<Option<bool>>,
) -> impl IntoView {
    let ResultView { verdict, kind, reasons, header, claims, checks } = view;
    let reasons: Vec<_> = reasons.into_iter().map(|reason| view! { <li>{reason}</li> }).collect();
    let count = |wanted: fn(&str) -> bool| checks.iter().filter(|(_, mark, _)| wanted(mark)).count();
    let (passed, all) = (count(|mark| mark == "passed"), count(|mark| mark != "absent"));
    let is_open = passed < all;
    // The list is drawn again when a text has changed, for example the age of the token.
    let toggled = move |event: leptos::ev::Event| {
        let is_now = event_target::<web_sys::Element>(&event).has_attribute("open");
        opened.set((is_now != is_open).then_some(is_now));
    };
    let checks: Vec<_> = checks
        .into_iter()
        .map(|(name, mark, words)| {
            view! {
                <div data-outcome=mark>
                    <dt>{name}</dt>
                    <dd>{words}</dd>
                </div>
            }
        })
        .collect();
    view! {
        <section class="plate verdict" role="status" data-testid="verdict" data-verdict=verdict.mark()>
            <h2>{text::headline(verdict)}</h2>
            <p>{kind}</p>
            <p>{text::meaning(verdict)}</p>
            {(!reasons.is_empty()).then(|| view! { <ul class="allows">{reasons}</ul> })}
        </section>
        <Members title=text::HEADER members=header test_id="inspect-header"/>
        <Members title=text::CLAIMS members=claims test_id="inspect-claims"/>
        <details
            class="plate filter"
            open=opened.get_untracked().unwrap_or(is_open)
            data-testid="inspect-checks"
            on:toggle=toggled
        >
            <summary>
                <h2>{text::summary(passed, all)}</h2>
            </summary>
            <dl class="facts checks">
                {checks}
            </dl>
        </details>
    }
}

/// Shows the members of the header, or the claims. All values are untrusted, so they are shown only as text and never
/// as HTML.
#[component]
fn Members(title: &'static str, members: Vec<[String; 3]>, test_id: &'static str) -> impl IntoView {
    let members: Vec<_> = members
        .into_iter()
        .map(|[name, value, meaning]| {
            view! {
                <div>
                    <dt class="mono">{name}</dt>
                    <dd>
                        <span class="mono">{value}</span>
                        <span class="hint">{meaning}</span>
                    </dd>
                </div>
            }
        })
        .collect();
    (!members.is_empty()).then(|| {
        view! {
            <section class="plate">
                <h2 class="part-head">{title}</h2>
                <dl class="facts" data-testid=test_id>
                    {members}
                </dl>
            </section>
        }
    })
}
