//! The form that creates an API token or a guest link.

use leptos::prelude::*;
use pinlatch_protocol::admin::{IssueRequest, TokenKind};

use crate::api::Failure;
use crate::manage::browser::{self, local_time};
use crate::manage::call;
use crate::manage::parts::dialog::{Body, FormDialog, MakeCall, Next};
use crate::manage::parts::doing::Work;
use crate::manage::parts::field::{Field, Select};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::once::{OneTimeSecret, Purpose};
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
            None => Ok(IssueRequest {
                kind,
                name,
                scope: picker.set(),
                not_before,
                expires_at,
                max_uses,
                max_in_flight: None,
                max_per_minute: None,
                max_sockets: None,
            }),
        }
    }
}

/// Shows a dialog with the form. After the form was submitted, the dialog shows the created token or link.
#[component]
pub fn Make(kind: TokenKind, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let title = match kind {
        TokenKind::Guest => text::NEW_GUEST,
        TokenKind::Api => text::NEW_API,
    };
    let empty = || RwSignal::new(String::new());
    let form = Form {
        name: empty(),
        start: empty(),
        length: RwSignal::new(Length::first(kind).mark().into()),
        end: empty(),
        uses: RwSignal::new(validity::first_uses(kind)),
        picker: RwSignal::new(Picker::default()),
    };
    let lengths: Vec<_> =
        Length::ALL.into_iter().map(|length| (length.mark().into(), text::length(length).into())).collect();
    let dated = Memo::new(move |_| form.length.with(|length| length == Length::Date.mark()));
    let fields = view! {
        <Field label=text::name(kind) id="token-name" value=form.name hint=text::NAME_HINT max=64 first=true/>
        <fieldset class="choices">
            <legend>{text::SCOPE}</legend>
            <ScopePicker picker=form.picker site=kind == TokenKind::Api/>
        </fieldset>
        <div class="columns">
            <Select label=text::LENGTH id="token-length" value=form.length options=lengths/>
            {move || {
                dated
                    .get()
                    .then(|| {
                        view! { <Field label=text::END id="token-end" value=form.end kind="datetime-local"/> }
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
    };
    let body = Body::Form(fields.into_any());
    let call: MakeCall = Box::new(move || Ok(issue(frame, form.request(kind)?)));
    view! { <FormDialog title mark="make" go=text::GO body call on_close/> }
}

/// Creates a token or link, which is shown only once.
fn issue(frame: Frame, request: IssueRequest) -> Work<Next> {
    Box::pin(async move {
        let (how, purpose) = match request.kind {
            TokenKind::Guest => {
                let until = frame.moment(request.expires_at.saturating_mul(1_000));
                (text::guest_how(request.max_uses, &until), Purpose::Link)
            }
            TokenKind::Api => {
                (text::API_HOW.into(), Purpose::Token(text::example(&browser::origin(), &request.scope)))
            }
        };
        let label = text::kind(request.kind);
        let reply = call::issue(request).await?;
        let secret = reply.link.or(reply.access_token).ok_or(Failure::Network)?;
        Ok(Next::Show(OneTimeSecret { secret, label, how, note: "", purpose }))
    })
}
