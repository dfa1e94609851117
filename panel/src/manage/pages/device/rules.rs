//! The rules that the device runs itself.

use leptos::prelude::*;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::RuleInfo;
use pinlatch_protocol::rule::words::sentence;

use super::now;
use crate::manage::call;
use crate::manage::parts::frame::Frame;
use crate::manage::parts::list::{List, LoadFailure};
use crate::manage::words::devices::rules as text;

/// Shows the rules of a device. A device without rules has no such section, and neither has a device whose rules the viewer
/// may not see.
#[component]
pub fn Rules(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    // A call without permission would add an entry to the audit log.
    let may_see = frame.rights.with_untracked(|rights| rights.may_see_rules(&name));
    may_see.then(|| view! { <Loaded name/> })
}

#[component]
fn Loaded(name: Name) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let name = StoredValue::new(name);
    let rules: List<RuleInfo> = List::start(move || Box::pin(call::device_rules(name.get_value())));
    let loading = rules.loading();
    let sentences = Memo::new(move |_| {
        let lines = now(frame, &name.get_value()).map(|device| device.lines).unwrap_or_default();
        let of = |rule: &RuleInfo| (rule.name.to_string(), sentence(rule, &lines));
        rules.with(|rules| rules.iter().map(of).collect::<Vec<_>>())
    });
    let has_rules = Memo::new(move |_| sentences.with(|sentences| !sentences.is_empty()));
    let has_failed = Memo::new(move |_| loading.doing.failed.with(Option::is_some));
    let list = move || {
        let shown = |(name, sentence): (String, String)| {
            let test_id = format!("rule-{name}");
            view! { <li data-testid=test_id>{sentence} " " <span class="tag">{name}</span></li> }
        };
        sentences.get().into_iter().map(shown).collect_view()
    };
    view! {
        <Show when=move || has_rules.get() || has_failed.get()>
            <section class="plate form" data-testid="rules">
                <h2 class="form-head">{text::TITLE}</h2>
                <LoadFailure loading/>
                <Show when=move || has_rules.get()>
                    <ul class="allows">{list}</ul>
                    <p class="hint">{text::HOW}</p>
                </Show>
            </section>
        </Show>
    }
}
