//! The receipt in an entry of the audit log: the outcome of a command that the device has signed.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::manage::parts::button::Button;
use crate::manage::parts::frame::Frame;
use crate::manage::words::activity as text;
use crate::manage::{browser, words};

/// Shows buttons that copy and inspect a receipt. The receipt itself is long, so it is not shown.
#[component]
pub fn Receipt(receipt: String) -> impl IntoView {
    let frame = expect_context::<Frame>();
    let receipt = StoredValue::new(receipt);
    let said = RwSignal::new("");
    let copy = move || {
        spawn_local(async move {
            let Some(token) = receipt.try_get_value() else { return };
            let words = if browser::copy(&token).await { words::COPIED } else { text::RECEIPT_NOT_COPIED };
            said.try_set(words);
            frame.say(words);
        });
    };
    view! {
        <div class="receipt" data-part="receipt-actions">
            <p class="hint">{text::RECEIPT_TEXT}</p>
            <div class="row">
                <Button text=text::COPY_RECEIPT test_id="receipt-copy" on_press=copy/>
                <Button
                    text=text::INSPECT_RECEIPT
                    test_id="receipt-inspect"
                    on_press=move || frame.inspect(receipt.get_value())
                />
                <span class="said" role="status" data-testid="receipt-said">{move || said.get()}</span>
            </div>
        </div>
    }
}
