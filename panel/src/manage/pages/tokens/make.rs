//! The form that creates an API token or a guest link.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use pinlatch_protocol::admin::{IssueReply, IssueRequest, TokenKind};

use crate::manage::browser::local_time;
use crate::manage::call;
use crate::manage::parts::button::Submit;
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::field::{Field, Select};
use crate::manage::parts::once::Once;
use crate::manage::parts::picker::ScopePicker;
use crate::manage::picker::Picker;
use crate::manage::validity::{self, Fault, Length};
use crate::manage::words::{self, tokens as text};
use crate::platform;

/// The fields of the form.
#[derive(Clone, Copy)]
struct Form {
    name: RwSignal<String>,
    start: RwSignal<String>,
    length: RwSignal<String>,
    end: RwSignal<String>,
    uses: RwSignal<String>,
    picker: RwSignal<Picker>,
}

impl Form {
    fn request(&self, kind: TokenKind) -> Result<IssueRequest, &'static str> {
        let now = platform::now_ms() / 1_000;
        let time = |value: RwSignal<String>, wrong: Fault| match value.get_untracked().as_str() {
            "" => Ok(None),
            text => local_time(text).map(|ms| Some(ms / 1_000)).ok_or(wrong),
        };
        let name = validity::name(&self.name.get_untracked()).map_err(text::fault)?;
        let length = Length::of_mark(&self.length.get_untracked()).unwrap_or(Length::Day);
        let start = time(self.start, Fault::BadStart).map_err(text::fault)?;
        let end = time(self.end, Fault::BadEnd).map_err(text::fault)?;
        let (not_before, expires_at) = validity::window(now, start, length, end).map_err(text::fault)?;
        let max_uses = validity::uses(&self.uses.get_untracked()).map_err(text::fault)?;
        let picker = self.picker.get_untracked();
        match picker.fault() {
            Some(fault) => Err(words::pick_fault(fault)),
            None => Ok(IssueRequest { kind, name, scope: picker.set(), not_before, expires_at, max_uses }),
        }
    }
}

/// Shows the form. After the form was submitted, shows the created token or link.
#[component]
pub fn Make(kind: TokenKind) -> impl IntoView {
    let first = if kind == TokenKind::Guest { Length::Day } else { Length::Month };
    let empty = || RwSignal::new(String::new());
    let form = Form {
        name: empty(),
        start: empty(),
        length: RwSignal::new(first.mark().into()),
        end: empty(),
        uses: empty(),
        picker: RwSignal::new(Picker::default()),
    };
    let doing = Doing::write();
    let made = RwSignal::new(None::<IssueReply>);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match form.request(kind) {
            Ok(request) => doing.run(Box::pin(call::issue(request)), move |reply| made.set(Some(reply))),
            Err(wrong) => doing.fail(wrong),
        }
    };
    let lengths: Vec<_> =
        Length::ALL.into_iter().map(|length| (length.mark().into(), text::length(length).into())).collect();
    let lengths = StoredValue::new(lengths);
    let dated = Memo::new(move |_| form.length.with(|length| length == Length::Date.mark()));
    move || {
        match made.get() {
        Some(reply) => view! { <Made reply/> }.into_any(),
        None => view! {
            <form class="form" on:submit=submit novalidate>
                <Field label=text::NAME id="token-name" value=form.name hint=text::NAME_HINT max=64 first=true/>
                <fieldset class="choices">
                    <legend>{text::SCOPE}</legend>
                    <ScopePicker picker=form.picker site=kind == TokenKind::Api/>
                </fieldset>
                <div class="columns">
                    <Select label=text::LENGTH id="token-length" value=form.length options=lengths.get_value()/>
                    {move || {
                        dated
                            .get()
                            .then(|| {
                                view! {
                                    <Field label=text::END id="token-end" value=form.end kind="datetime-local"/>
                                }
                            })
                    }}
                    <Field
                        label=text::START
                        id="token-start"
                        value=form.start
                        kind="datetime-local"
                        hint=text::START_HINT
                    />
                    <Field label=text::USES id="token-uses" value=form.uses kind="number" hint=text::USES_HINT/>
                </div>
                <Failed doing/>
                <Submit doing text=text::GO test_id="make-go"/>
            </form>
        }
        .into_any(),
    }
    }
}

/// Shows the created token or link, which is shown only once.
#[component]
fn Made(reply: IssueReply) -> impl IntoView {
    let how = match reply.token.kind {
        TokenKind::Guest => text::GUEST_HOW,
        TokenKind::Api => text::API_HOW,
    };
    let secret = reply.link.or(reply.access_token);
    secret.map(|secret| view! { <Once secret how/> })
}
