//! The dialog that asks for a new proof of the person's identity, with the password or with a login provider.

use leptos::prelude::*;
use leptos::task::spawn_local;
use pinlatch_protocol::api::{LoginOption, Secret};
use pinlatch_protocol::problem::Code;

use super::dialog::{Body, FormDialog, MakeCall, Next};
use super::field::Field;
use super::frame::{Frame, every};
use crate::api::{self, Failure};
use crate::manage::words::proof as text;
use crate::manage::{call, proof};
use crate::ui::field::OwnName;
use crate::{platform, words};

/// The interval between two checks for a proof with a login provider, in seconds.
const CHECK_S: u64 = 2;
/// The edge accepts the response of a login provider for this time, in milliseconds.
const ROUND_TRIP_MS: u64 = 600_000;

/// Shows the dialog while an API call waits for a proof.
#[component]
pub fn Proof() -> impl IntoView {
    let is_asked = proof::is_asked();
    move || is_asked.get().then(|| view! { <ProofDialog/> })
}

#[component]
fn ProofDialog() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let password = RwSignal::new(String::new());
    let fields = view! {
        <OwnName id="proof-user" name=frame.rights.with_untracked(|rights| rights.name.clone())/>
        <Field
            label=text::PASSWORD
            id="proof-password"
            value=password
            kind="password"
            autocomplete="current-password"
            first=true
        />
    };
    let call: MakeCall = Box::new(move || {
        let secret = Secret::new(password.get_untracked());
        Ok(Box::pin(async move {
            let next = match call::prove(secret).await {
                Ok(()) => {
                    accepted(frame);
                    Next::Close
                }
                Err(Failure::Problem(problem)) if problem.is(Code::LoginFailed) => Next::Refuse(text::WRONG),
                Err(Failure::Network) => Next::Refuse(words::UNREACHED),
                Err(failure) => return Err(failure),
            };
            password.try_set(String::new());
            Ok(next)
        }))
    });
    view! {
        <FormDialog
            title=text::TITLE
            mark="proof"
            text=text::TEXT
            go=text::GO
            body=Body::Form(fields.into_any())
            call
            below=view! { <Providers/> }.into_any()
            on_close=|()| proof::close()
        />
    }
}

/// Continues the waiting calls. The proof has replaced the tokens of the session.
fn accepted(frame: Frame) {
    frame.panel.session_replaced();
    proof::answer(true);
}

/// Shows links to the login providers of the site. Each link opens a new tab.
#[component]
fn Providers() -> impl IntoView {
    let frame = expect_context::<Frame>();
    let options = RwSignal::new(Vec::<LoginOption>::new());
    let proved_before = StoredValue::new(None::<u64>);
    let opened_ms = RwSignal::new(None::<u64>);
    let site = frame.site();
    spawn_local(async move {
        // A check compares the time of the last proof, so the links need the time before the new proof.
        let (Ok(found), Ok(time)) = (api::login_options(Some(&site)).await, call::proof_time().await) else {
            return;
        };
        proved_before.try_set_value(time);
        options.try_set(found);
    });
    // The policy `Cross-Origin-Opener-Policy: same-origin` separates this page from a tab that shows another origin.
    // The page therefore cannot observe the tab, and asks the edge for the time of the last proof.
    every(CHECK_S, move || {
        let Some(opened) = opened_ms.get_untracked() else { return };
        if platform::now_ms() > opened.saturating_add(ROUND_TRIP_MS) {
            return opened_ms.set(None);
        }
        spawn_local(async move {
            let Ok(time) = call::proof_time().await else { return };
            if proved_before.try_get_value().is_some_and(|before| time > before) {
                accepted(frame);
                proof::close();
            }
        });
    });
    let link = move |option: LoginOption| {
        view! {
            <a
                class="quiet as-button"
                href=api::login_address(&option.name)
                target="_blank"
                rel="noopener"
                data-testid=format!("proof-with-{}", option.name)
                on:click=move |_| opened_ms.set(Some(platform::now_ms()))
            >
                {words::log_in_with(&option.label)}
            </a>
        }
    };
    let links = move || options.get().into_iter().map(link).collect::<Vec<_>>();
    view! {
        <Show when=move || !options.with(Vec::is_empty)>
            <p class="sheet-text">{text::PROVIDERS}</p>
            <div class="row">{links}</div>
        </Show>
        <p class="hint" role="status" data-testid="proof-waiting">
            {move || opened_ms.get().map(|_| text::WAITING)}
        </p>
    }
}
