//! A secret that is shown only once. The panel does not store the secret.

use leptos::prelude::*;
use pinlatch_protocol::api::Secret;

use super::copyable::{Copyable, focus_when_shown};
use super::frame::Frame;
use crate::manage::enrolling::{Enrolling, Progress};
use crate::manage::words::{self, devices};
use crate::ui::icon::{Icon, IconKind};

/// A secret that is shown only once.
#[derive(Clone)]
pub struct OneTimeSecret {
    pub secret: Secret,
    /// The kind of the secret, for example “Guest link”.
    pub label: &'static str,
    /// Explains how to use the secret.
    pub how: String,
    pub note: &'static str,
    pub purpose: Purpose,
}

/// The purpose of a secret, which determines what the dialog offers in addition to copying.
#[derive(Clone)]
pub enum Purpose {
    /// A link for another person. It can be shared, and scanned with a phone.
    Link,
    /// A command for a device. The dialog shows when the device is enrolled and connected.
    Enrolment(Enrolling),
    /// A token for a program. The field is a command that tries the token and does not contain it.
    Token(String),
}

/// Shows a secret. The secret of an enrolment disappears when the device has used it.
#[component]
pub fn Once(shown: OneTimeSecret, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let (enrolling, example) = match &shown.purpose {
        Purpose::Link => (None, None),
        Purpose::Enrolment(enrolling) => (Some(StoredValue::new(enrolling.clone())), None),
        Purpose::Token(example) => (None, Some(Secret::new(example))),
    };
    let progress = enrolling.map(|enrolling| {
        Memo::new(move |_| {
            enrolling.with_value(|enrolling| {
                frame.panel.model.with(|model| enrolling.progress(model.device(&enrolling.device)))
            })
        })
    });
    let is_used = Memo::new(move |_| progress.is_some_and(|progress| progress.get() != Progress::Waiting));
    let shown = StoredValue::new(shown);
    let secret = move || {
        let OneTimeSecret { secret, label, how, note, purpose } = shown.get_value();
        let is_link = matches!(purpose, Purpose::Link);
        view! {
            <p class="notice notice-expired">
                <Icon kind=IconKind::Key/>
                <span>{words::ONCE}</span>
            </p>
            <p class="sheet-text">{how}</p>
            <Copyable label text=secret mark="once" is_link/>
            <p class="hint">{note}</p>
        }
    };
    let name = enrolling.map(|enrolling| enrolling.with_value(|enrolling| enrolling.device.clone()));
    view! {
        {move || (!is_used.get()).then(secret)}
        {example
            .map(|example| view! {
                <p class="sheet-text">{words::tokens::EXAMPLE_HOW}</p>
                <Copyable label=words::tokens::EXAMPLE text=example mark="example" is_link=false/>
            })}
        {progress
            .zip(name)
            .map(|(progress, name)| view! {
                <div role="status" data-testid="enrolling" data-progress=move || progress.get().mark()>
                    {move || {
                        let (class, kind) = match progress.get() {
                            Progress::Waiting => ("notice notice-plain", IconKind::Pending),
                            Progress::Enrolled => ("notice notice-differ", IconKind::Pending),
                            Progress::Connected => ("notice notice-connected", IconKind::Done),
                        };
                        view! {
                            <p class=class>
                                <Icon kind/>
                                <span>{devices::progress(progress.get(), &name)}</span>
                            </p>
                        }
                    }}
                </div>
                {move || (progress.get() == Progress::Enrolled).then(|| view! { <p class="hint">{devices::NOT_CONNECTED}</p> })}
            })}
        {move || {
            is_used
                .get()
                .then(|| {
                    let button = NodeRef::<leptos::html::Button>::new();
                    focus_when_shown(button);
                    view! {
                    <button class="primary" type="button" node_ref=button data-testid="enrolled-close" on:click=move |_| on_close.run(())>
                        {words::CLOSE}
                    </button>
                }})
        }}
    }
}
