//! The verdict on a token, with its contents and its checks.

use leptos::prelude::*;
use pinlatch_token::{Check, Explanation, Member};

use crate::manage::inspect::{Finding, Verdict, reasons};
use crate::manage::words::{inspector as text, statement};

/// The texts that show a finding. Texts can be compared, so the result is redrawn only if a text has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultView {
    verdict: Verdict,
    kind: Option<&'static str>,
    meaning: &'static str,
    reasons: Vec<String>,
    /// The contents of a verified statement, with their names.
    facts: Vec<(&'static str, String)>,
    header: Vec<[String; 3]>,
    claims: Vec<[String; 3]>,
    checks: Vec<(String, &'static str, String)>,
}

impl ResultView {
    /// `time` formats a time in milliseconds of Unix time.
    pub fn of(finding: &Finding, time: impl Fn(u64) -> String) -> Self {
        let Finding { kind, explanation, verdict, contents } = finding;
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
            meaning: text::meaning(finding),
            reasons: reasons(explanation),
            facts: contents.as_ref().map(|contents| statement::facts(contents, time)).unwrap_or_default(),
            header: header.iter().map(member).collect(),
            claims: claims.iter().map(member).collect(),
            checks: checks.iter().map(check).collect(),
        }
    }
}

#[component]
pub fn Result(
    view: ResultView,
    /// Whether the person has opened or closed the list of checks.
    opened: RwSignal<Option<bool>>,
) -> impl IntoView {
    let ResultView { verdict, kind, meaning, reasons, facts, header, claims, checks } = view;
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
            <p>{meaning}</p>
            {(!reasons.is_empty()).then(|| view! { <ul class="allows">{reasons}</ul> })}
        </section>
        <Facts facts/>
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

/// Shows the contents of a verified statement.
#[component]
fn Facts(facts: Vec<(&'static str, String)>) -> impl IntoView {
    let facts: Vec<_> = facts
        .into_iter()
        .map(|(name, value)| {
            view! {
                <div>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            }
        })
        .collect();
    (!facts.is_empty()).then(|| {
        view! {
            <section class="plate">
                <h2 class="part-head">{statement::CONTENTS}</h2>
                <dl class="facts" data-testid="inspect-statement">
                    {facts}
                </dl>
            </section>
        }
    })
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
