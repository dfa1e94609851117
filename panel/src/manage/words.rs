//! What the pages of administration say: every text in one place.

pub mod activity;
pub mod devices;
pub mod inspector;
pub mod people;
pub mod scope;
pub mod tokens;

#[cfg(test)]
mod tests;

use pinlatch_protocol::problem::{Code, Problem};

use super::page::Page;
use super::picker::Fault;
use crate::link::State;
use crate::words::{sentence, title};

/// Takes nothing back that was begun.
pub const CANCEL: &str = "Cancel";
/// Closes a dialog.
pub const CLOSE: &str = "Close";
/// Leads to the board.
pub const BOARD: &str = "Devices";
/// While an answer is awaited.
pub const LOADING: &str = "Loading…";
/// While something is being done.
pub const BUSY: &str = "One moment…";
/// Asks again.
pub const RETRY: &str = "Try again";
/// A page that is not for whoever looks.
pub const NOT_YOURS: &str = "You may not see this page. Ask an owner, if you need it.";
/// An address without a page.
pub const NO_PAGE: &str = "There is no such page.";
/// That a session has ended while something was open.
pub const ENDED: &str =
    "Your session has ended. Log in again in a new tab, then go on here: nothing that you typed is lost.";
/// The way to log in again.
pub const ENDED_LINK: &str = "Log in";
/// Takes a text along.
pub const COPY: &str = "Copy";
/// It was taken along.
pub const COPIED: &str = "Copied.";
/// Where the browser does not let a page copy.
pub const COPY_BY_HAND: &str = "This browser does not let the page copy. It is selected: copy it yourself.";
/// Shows a code for a camera.
pub const SHOW_QR: &str = "Show as QR code";
/// Hides it.
pub const HIDE_QR: &str = "Hide the QR code";
/// What the picture is, for those who do not see it.
pub const QR_LABEL: &str = "QR code of the text above";
/// Where a text is too long for a code.
pub const NO_QR: &str = "This is too long for a QR code.";
/// That something is shown once.
pub const ONCE: &str = "This is shown once. Copy it now: nobody can show it again.";

/// How the link is.
pub fn link(state: State) -> (&'static str, &'static str) {
    match state {
        State::Connected => ("connected", "Connected"),
        State::Connecting | State::Waiting { .. } => ("connecting", "Connecting…"),
        State::Offline => ("offline", "Offline"),
    }
}

/// A page's heading.
pub fn heading(page: &Page) -> String {
    match page {
        Page::Devices => "Manage devices".into(),
        Page::Device(name) => title(name.as_str()),
        Page::People => "People".into(),
        Page::Tokens => "Tokens and links".into(),
        Page::Activity => "Activity".into(),
        Page::Inspector => "Token inspector".into(),
        Page::Unknown => "Nothing here".into(),
    }
}

/// A page's name in the navigation.
pub fn section(page: &Page) -> &'static str {
    match page {
        Page::Devices | Page::Device(_) => "Manage devices",
        Page::People => "People",
        Page::Tokens => "Tokens and links",
        Page::Activity => "Activity",
        Page::Inspector => "Token inspector",
        Page::Unknown => "",
    }
}

/// Why a call brought nothing, in one sentence; no problem where the edge was not reached.
pub fn failure(problem: Option<&Problem>, is_write: bool) -> String {
    match problem {
        None if is_write => {
            "Pinlatch cannot be reached. It may have been done: look before you try again.".into()
        }
        None => "Pinlatch cannot be reached. Check your connection.".into(),
        Some(problem) if problem.is(Code::InvalidToken) => ENDED.into(),
        Some(problem) if problem.is(Code::InsufficientScope) => match &problem.detail {
            Some(detail) => format!("You may not do this: {detail}."),
            None => "You may not do this.".into(),
        },
        Some(problem) if problem.is(Code::InvalidRequest) => match &problem.detail {
            Some(detail) => format!("That cannot be: {detail}."),
            None => "That cannot be.".into(),
        },
        Some(problem) if problem.is(Code::Throttled) => match problem.retry_after {
            Some(seconds) => format!("Too many requests. Try again in {seconds} s."),
            None => "Too many requests. Try again in a moment.".into(),
        },
        Some(problem) => sentence(problem),
    }
}

/// What is wrong with the scopes that were chosen.
pub fn pick_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Nothing => "Choose at least one thing that is allowed.",
        Fault::TooMany => "That is more than 64 single permissions: choose wider ones.",
    }
}

/// A number of things: `1 use`, `2 uses`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The words of the scope picker.
pub mod picker {
    /// What the list is.
    pub const LINES: &str = "Lines";
    /// Every device.
    pub const EVERYTHING: &str = "Every device";
    /// All lines of one device.
    pub const ALL_LINES: &str = "Every line";
    /// What is given for administration.
    pub const SITE: &str = "Administration";
    /// What is chosen for what is not there.
    pub const OTHERS: &str = "For devices that are not here now";
    /// What the list of sentences is.
    pub const ALLOWS: &str = "This allows:";
    /// Where nothing is chosen.
    pub const NOTHING: &str = "Nothing yet.";
    /// Where there is nothing that could be chosen.
    pub const NONE_HELD: &str = "You hold nothing that you could hand on.";

    /// A scope's word on its button.
    pub fn word(verb: Option<&str>) -> &'static str {
        match verb {
            None => "All",
            Some("read") => "See",
            Some("set") => "Set",
            Some("toggle") => "Toggle",
            Some("pulse") => "Press",
            Some("blink") => "Blink",
            Some(_) => "Use",
        }
    }
}
