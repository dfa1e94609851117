//! The calls that wait for a new proof of the person's identity (RFC 9470). The dialog that asks for the proof is in
//! `parts/proof.rs`.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use leptos::prelude::*;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

thread_local! {
    static IS_ASKED: ArcRwSignal<bool> = ArcRwSignal::new(false);
    /// The functions that continue the waiting calls.
    static WAITING: RefCell<Vec<Function>> = const { RefCell::new(Vec::new()) };
}

/// Whether a call waits for a proof.
pub fn is_asked() -> ArcRwSignal<bool> {
    IS_ASKED.with(Clone::clone)
}

/// Asks the person for a proof. Returns `false` if the person closes the dialog without a proof.
pub async fn ask() -> bool {
    let answer = Promise::new(&mut |resolve, _| {
        WAITING.with_borrow_mut(|waiting| waiting.push(resolve));
        is_asked().set(true);
    });
    JsFuture::from(answer).await.is_ok_and(|proved| proved.is_truthy())
}

/// Continues the waiting calls. Without a proof, the calls fail.
pub fn answer(proved: bool) {
    for resolve in WAITING.take() {
        let _ = resolve.call1(&JsValue::NULL, &proved.into());
    }
}

/// Removes the dialog. The calls that still wait fail.
pub fn close() {
    is_asked().set(false);
    answer(false);
}
