//! The fields for the keys that check a token.

use leptos::prelude::*;
use pinlatch_token::Kind;

use super::Input;
use crate::manage::inspect::statement;
use crate::manage::parts::field::{Area, Field, Radio};
use crate::manage::words::{inspector as text, statement as statement_text};

/// The choices for the source of the key.
pub const SITE: &str = "site";
pub const GIVEN: &str = "given";

/// Shows the choice of the keys for a token that is no statement.
#[component]
pub fn KeyFields(
    input: Input,
    /// Whether the person chose to enter a key.
    is_given: Memo<bool>,
    key_wrong: Signal<String>,
    /// Whether the site's keys could not be loaded.
    no_site_keys: Signal<bool>,
) -> impl IntoView {
    view! {
        <fieldset class="choices">
            <legend>{text::KEY}</legend>
            <Radio name="keys" value=input.source mark=SITE label=text::KEY_SITE/>
            <Radio name="keys" value=input.source mark=GIVEN label=text::KEY_GIVEN/>
        </fieldset>
        {move || no_site_keys.get().then(|| view! { <p class="hint" role="status">{text::NO_KEYS}</p> })}
        {move || {
            is_given
                .get()
                .then(|| {
                    view! {
                        <Area
                            label=text::KEY_PASTE
                            id="inspect-key"
                            value=input.key
                            hint=text::KEY_HINT
                            rows=4
                            wrong=key_wrong
                        />
                        <div class="columns">
                            <Field label=text::ISSUER id="inspect-issuer" value=input.issuer hint=text::ANY/>
                            <Field label=text::AUDIENCE id="inspect-audience" value=input.audience hint=text::ANY/>
                        </div>
                    }
                })
        }}
    }
}

/// Shows the fields for the owner's public root key and the device's identity, with which a statement is verified.
#[component]
pub fn StatementFields(
    kind: Kind,
    input: Input,
    root_wrong: Memo<String>,
    identity_wrong: Memo<String>,
) -> impl IntoView {
    let refuses = Callback::new(move |pasted: String| {
        let is_private = statement::is_private(&pasted);
        input.was_private.set(is_private);
        is_private
    });
    view! {
        <Area
            label=statement_text::ROOT
            id="inspect-root"
            value=input.root
            hint=statement_text::ROOT_HINT
            rows=3
            wrong=root_wrong
            refuses
        />
        // The identity of a device is verified with the root key only.
        {(kind != Kind::Device)
            .then(|| view! {
                <Area
                    label=statement_text::IDENTITY
                    id="inspect-identity"
                    value=input.identity
                    hint=statement_text::IDENTITY_HINT
                    rows=3
                    wrong=identity_wrong
                />
            })}
        {(kind == Kind::Reading)
            .then(|| view! {
                <Field
                    label=statement_text::NONCE
                    id="inspect-nonce"
                    value=input.nonce
                    hint=statement_text::NONCE_HINT
                />
            })}
    }
}
