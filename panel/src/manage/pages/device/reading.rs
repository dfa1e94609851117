//! The dialog that asks a device for a signed reading of a line, and shows the answer.

use leptos::prelude::*;
use pinlatch_protocol::api::Secret;
use pinlatch_token::reading::Reading;

use crate::manage::parts::button::Button;
use crate::manage::parts::copyable::Copyable;
use crate::manage::parts::doing::{Doing, Failed};
use crate::manage::parts::frame::Frame;
use crate::manage::parts::sheet::Sheet;
use crate::manage::reading::{Answer, check, file_name, identity_file};
use crate::manage::words::{reading as text, statement};
use crate::manage::{browser, call, words};
use crate::model::Key;
use crate::platform;
use crate::ui::icon::{Icon, IconKind};
use crate::words::title;

#[component]
pub fn ReadingDialog(line: Key, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let doing = Doing::read();
    let answer = RwSignal::new(None::<Answer>);
    let heading = words::titled(text::TITLE, &title(line.line.as_str()));
    let line = StoredValue::new(line);
    let ask = move || {
        answer.set(None);
        // A new nonce in each question proves that the answer is not an older reading.
        let Some(nonce) = platform::random_id() else { return doing.fail(text::NO_RANDOM) };
        let (line, site) = (line.get_value(), frame.site());
        let work = async move {
            let key = call::device_key(line.device.clone()).await?;
            let token = call::read_line(&line, &nonce).await?.reading;
            let reading = check(&token, &key, &nonce, &site, &line);
            Ok(Answer { token, nonce, reading, identity: key.identity })
        };
        doing.run(Box::pin(work), move |found| answer.set(Some(found)));
    };
    ask();
    let failed = Memo::new(move |_| doing.failed.with(Option::is_some));
    let state = move || match (doing.busy.get(), failed.get()) {
        (true, _) => "asking",
        (false, true) => "failed",
        (false, false) => "answered",
    };
    let again = move || match (doing.busy.get(), failed.get()) {
        (true, _) => words::BUSY,
        (false, true) => words::RETRY,
        (false, false) => text::AGAIN,
    };
    let summary = move || {
        answer.with(|answer| match answer.as_ref().map(|answer| &answer.reading) {
            Some(Ok(reading)) => view! { <Value line=line.get_value() reading=reading.clone()/> }.into_any(),
            Some(Err(fault)) => view! { <Fault text=text::fault(fault)/> }.into_any(),
            None if doing.busy.get() => view! { <Asking/> }.into_any(),
            None => ().into_any(),
        })
    };
    view! {
        <Sheet title=heading mark="reading" node=NodeRef::new() on_close>
            <div role="status" data-testid="reading-state" data-state=state>
                {summary}
            </div>
            <Failed doing/>
            {move || answer.get().map(|answer| view! { <Proof line=line.get_value() answer/> })}
            <div class="row">
                <button
                    class="quiet"
                    type="button"
                    data-testid="reading-again"
                    aria-busy=move || doing.busy.get().to_string()
                    disabled=move || doing.busy.get()
                    on:click=move |_| ask()
                >
                    {again}
                </button>
            </div>
        </Sheet>
    }
}

#[component]
fn Asking() -> impl IntoView {
    view! {
        <p class="notice notice-pending">
            <Icon kind=IconKind::Pending/>
            <span>{text::ASKING}</span>
        </p>
    }
}

#[component]
fn Fault(text: String) -> impl IntoView {
    view! {
        <p class="notice notice-refused" data-testid="reading-fault">
            <Icon kind=IconKind::Refused/>
            <span>{text}</span>
        </p>
    }
}

/// Shows the value of the line, and when and how exactly the device knew the value.
#[component]
fn Value(line: Key, reading: Reading) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let value = frame.panel.model.with_untracked(|model| text::value(model.line(&line), &reading));
    let facts = [
        (text::MEASURED, "reading-measured", frame.exact(reading.measured_ms)),
        (text::SIGNED, "reading-signed", frame.exact(reading.moment.at_ms)),
        (text::CLOCK, "reading-clock", statement::clock(&reading.moment)),
    ];
    let facts = facts.map(|(name, test_id, value)| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd data-testid=test_id>{value}</dd>
            </div>
        }
    });
    view! {
        <p class="reading-value" data-testid="reading-value">{value}</p>
        <dl class="facts">{facts.into_iter().collect::<Vec<_>>()}</dl>
    }
}

/// Shows the token, and how to verify it without trusting the server.
#[component]
fn Proof(line: Key, answer: Answer) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let Answer { token, nonce, reading, identity } = answer;
    let signed_ms = reading.map_or_else(|_| platform::now_ms(), |reading| reading.moment.at_ms);
    let file = file_name(&line, signed_ms);
    let command = text::command(&line.device, &nonce, &file);
    let device = line.device.clone();
    let pasted = StoredValue::new(token.clone());
    view! {
        <p class="sheet-text">{text::SIGNED_BY}</p>
        <Copyable label=text::TOKEN text=Secret::new(token) mark="reading" is_link=false file/>
        <p class="sheet-text">{text::how(&device)}</p>
        <Copyable label=text::COMMAND text=Secret::new(command) mark="verify" is_link=false/>
        <p class="hint">{text::HOW_MORE}</p>
        {identity
            .is_none()
            .then(|| view! { <p class="hint" data-testid="reading-unconfirmed">{text::not_confirmed(&device)}</p> })}
        <div class="row">
            {identity
                .map(|identity| view! {
                    <Button
                        text=text::SAVE_IDENTITY
                        test_id="identity-save"
                        on_press=move || {
                            browser::save(&identity_file(&device), browser::JWT, &identity);
                        }
                    />
                })}
            <Button
                text=words::INSPECT
                test_id="reading-inspect"
                on_press=move || frame.inspect(pasted.get_value())
            />
        </div>
    }
}
