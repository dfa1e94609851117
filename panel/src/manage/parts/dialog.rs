//! The dialogs of the administration pages that make one API call.

use leptos::ev::{MouseEvent, SubmitEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::doing::{Doing, Failed, Work};
use super::frame::Frame;
use super::once::{Once, OneTimeSecret};
use super::sheet::{Sheet, close};
use crate::api::Failure;
use crate::manage::{browser, words};
use crate::visit::Visitor;

/// The content of a dialog between its text and the button that starts the API call.
pub enum Body {
    /// The fields of a form.
    Form(AnyView),
    /// No fields.
    Button,
    /// No fields, but a button that cancels an action that is difficult to undo. The view is shown below the text.
    Confirm(Option<AnyView>),
}

/// Returns the API call of a dialog, or an error if the input is invalid.
pub type MakeCall = Box<dyn Fn() -> Result<Work<Next>, String>>;

/// The next step of a dialog after its API call has succeeded.
pub enum Next {
    Close,
    /// Show a secret in place of the form.
    Show(OneTimeSecret),
    /// Keep the form and show an error.
    Refuse(&'static str),
}

/// Makes an API call, and then closes the dialog.
pub fn then_close(call: impl Future<Output = Result<(), Failure>> + 'static) -> Work<Next> {
    Box::pin(async { call.await.map(|()| Next::Close) })
}

/// Makes an API call that ends the viewer's session, and then opens the login page.
pub fn then_sign_in(frame: &Frame, call: impl Future<Output = Result<(), Failure>> + 'static) -> Work<Next> {
    let login = Visitor::Person.page(Some(&frame.site()));
    then_close(async move {
        call.await?;
        browser::leave(&login);
        Ok(())
    })
}

/// Shows a dialog for one API call. The dialog opens when it is mounted. `on_close` must remove the dialog from the
/// page.
#[component]
pub fn FormDialog(
    #[prop(into)] title: String,
    /// The first part of the `data-testid` of the dialog and of its button.
    mark: &'static str,
    #[prop(optional, into)] text: String,
    /// The label of the button that starts the call.
    #[prop(into)]
    go: Signal<&'static str>,
    body: Body,
    call: MakeCall,
    /// The content below the button of a form.
    #[prop(optional)]
    below: Option<AnyView>,
    /// Runs when the call has closed the dialog.
    #[prop(optional, into)]
    done: Option<Callback<()>>,
    #[prop(into)] on_close: Callback<()>,
) -> impl IntoView {
    let node = NodeRef::<leptos::html::Dialog>::new();
    let close = move || close(node);
    let doing = Doing::write();
    let shown = RwSignal::new(None::<OneTimeSecret>);
    let call = StoredValue::new_local(call);
    let start = move || match call.with_value(|call| call()) {
        Ok(work) => doing.run(work, move |next| match next {
            Next::Close => {
                close();
                if let Some(done) = done {
                    done.run(());
                }
            }
            Next::Show(secret) => shown.set(Some(secret)),
            Next::Refuse(text) => doing.fail(text),
        }),
        Err(wrong) => doing.fail(wrong),
    };
    let text = (!text.is_empty()).then(|| view! { <p class="sheet-text">{text}</p> });
    let go_id = format!("{mark}-go");
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        start();
    };
    // An error about the input is no longer true when the input has changed. The fields for permissions are buttons.
    let pressed = move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| matches!(target.closest("button[type=button]"), Ok(Some(_)))) {
            doing.clear();
        }
    };
    let content = match body {
        Body::Form(fields) => view! {
            <form class="form" on:submit=submit on:input=move |_| doing.clear() on:click=pressed novalidate>
                {text}
                {fields}
                <Failed doing/>
                <Go doing text=go test_id=go_id/>
                {below}
            </form>
        }
        .into_any(),
        Body::Button => view! {
            {text}
            <Failed doing/>
            <Go doing text=go test_id=go_id on_press=start/>
        }
        .into_any(),
        Body::Confirm(details) => view! {
            {text}
            {details}
            <Failed doing/>
            <div class="sheet-foot">
                <button class="quiet" type="button" data-testid="cancel" autofocus on:click=move |_| close()>
                    {words::CANCEL}
                </button>
                <Go doing text=go test_id="confirm" class="primary danger" on_press=start/>
            </div>
        }
        .into_any(),
    };
    let mut content = Some(content);
    view! {
        <Sheet title mark node on_close>
            {move || match shown.get() {
                Some(shown) => view! { <Once shown on_close=move |()| close()/> }.into_any(),
                None => content.take().into_any(),
            }}
        </Sheet>
    }
}

/// Shows the button that starts the API call of a dialog. Without `on_press`, the button submits the form.
#[component]
fn Go(
    doing: Doing,
    text: Signal<&'static str>,
    #[prop(into)] test_id: String,
    #[prop(default = "primary")] class: &'static str,
    #[prop(optional, into)] on_press: Option<Callback<()>>,
) -> impl IntoView {
    view! {
        <button
            class=class
            type=if on_press.is_some() { "button" } else { "submit" }
            data-testid=test_id
            aria-busy=move || doing.busy.get().to_string()
            disabled=move || doing.busy.get()
            on:click=move |_| {
                if let Some(press) = on_press {
                    press.run(());
                }
            }
        >
            {move || if doing.busy.get() { words::BUSY } else { text.get() }}
        </button>
    }
}
