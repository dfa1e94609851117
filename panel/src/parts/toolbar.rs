//! A group of buttons with one tab stop, so that a board of many buttons is crossed with few presses of the Tab key. The
//! arrow keys move the focus within the group.
//!
//! The children of the group are buttons, or labels with one input. All have a `tabindex`: `0` for the tab stop, and
//! `-1` for the others.

use leptos::ev::{FocusEvent, KeyboardEvent};
use wasm_bindgen::JsCast;
use web_sys::{Element, EventTarget, HtmlElement};

/// Returns the initial `tabindex` of the child at a place.
pub fn tab_index(place: usize) -> &'static str {
    if place == 0 { "0" } else { "-1" }
}

fn element(target: Option<EventTarget>) -> Option<Element> {
    target?.dyn_into().ok()
}

/// Moves the focus. This is the handler of the group's `keydown`.
pub fn keys(event: KeyboardEvent) {
    let (Some(group), Some(at)) = (element(event.current_target()), element(event.target())) else { return };
    let child = at.parent_element().filter(|parent| *parent != group).unwrap_or(at);
    let next = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => child.next_element_sibling().or_else(|| group.first_element_child()),
        "ArrowLeft" | "ArrowUp" => child.previous_element_sibling().or_else(|| group.last_element_child()),
        "Home" => group.first_element_child(),
        "End" => group.last_element_child(),
        _ => None,
    };
    let Some(next) = next else { return };
    event.prevent_default();
    let control = next.first_element_child().unwrap_or(next);
    if let Ok(control) = control.dyn_into::<HtmlElement>() {
        let _ = control.focus();
    }
}

/// Makes the focused child the tab stop. This is the handler of the group's `focusin`.
pub fn focus(event: FocusEvent) {
    let (Some(group), Some(at)) = (element(event.current_target()), element(event.target())) else { return };
    if let Ok(Some(before)) = group.query_selector("[tabindex=\"0\"]") {
        let _ = before.set_attribute("tabindex", "-1");
    }
    let _ = at.set_attribute("tabindex", "0");
}
