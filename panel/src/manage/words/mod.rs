//! Texts of the administration pages. This module contains the shared texts. Each page has a separate module for its
//! texts.

pub mod account;
pub mod activity;
pub mod devices;
pub mod inspector;
pub mod people;
pub mod proof;
pub mod reading;
pub mod scope;
pub mod statement;
pub mod tokens;

#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};

use super::page::Page;
use super::picker::Fault;
use crate::link::State;
use crate::words::{MONTHS, Moment, clock, page_title, section, sentence, title};

pub use crate::words::CANCEL;

pub const CLOSE: &str = "Close";
pub const MORE_ACTIONS: &str = "More actions";
pub const LOADING: &str = "Loading…";
pub const BUSY: &str = "Please wait…";
pub const RETRY: &str = "Try again";
pub const NOT_YOURS: &str = "You do not have permission to see this page. Ask an owner for access.";
pub const NO_PAGE: &str = "This page does not exist. Choose a page in the navigation bar.";
/// This text is shown if the session ends while an administration page is open.
pub const ENDED: &str =
    "Your session has ended. Log in again in a new tab, then return to this page. Your input is kept.";
pub const ENDED_LINK: &str = "Log in";
/// This text is shown if the person did not confirm their identity.
pub const NOT_PROVEN: &str =
    "Nothing was changed, because you did not confirm that it is you. Try again, then confirm.";
pub const PERSON_REQUIRED: &str =
    "Only a person who is logged in with an account can do this. Log in, then try again.";
pub const UNKNOWN_SESSION: &str = "This session has already ended. Reload the page.";
pub const UNKNOWN_CODE: &str =
    "This invitation or enrolment string was already used or withdrawn, or it has expired. Reload the page.";
pub const DEVICE_OFFLINE: &str =
    "The device is offline, so it cannot be asked. Check the device's power and network, then try again.";
pub const DEVICE_SILENT: &str = "The device is connected but did not answer in time. Try again. If it never answers, update its agent: agents of earlier releases cannot sign readings.";
pub const LEVEL_UNKNOWN: &str = "The device does not know the level of this line now, for example because its sensor does not answer. Check the wiring and the device's log, then try again.";
pub const COPY: &str = "Copy";
pub const COPIED: &str = "Copied to the clipboard.";
/// This text is shown if the browser denies access to the clipboard.
pub const COPY_BY_HAND: &str =
    "The browser blocked the clipboard. The text is selected. Copy the text with the keyboard or the menu.";
pub const SAVE: &str = "Save";
pub const SAVED: &str = "Saved as a file.";
pub const NOT_SAVED: &str = "The browser did not save the file. Copy the text instead.";
/// The label of the button that opens the token inspector.
pub const INSPECT: &str = "Inspect";
pub const SHARE: &str = "Share";
pub const SHOW_QR: &str = "Show QR code";
pub const HIDE_QR: &str = "Hide QR code";
pub const QR_LABEL: &str = "QR code of the text above";
pub const SCAN_QR: &str = "The other person scans this code with the camera of a phone.";
pub const NO_QR: &str = "The text is too long for a QR code. Copy the text instead.";
pub const ONCE: &str = "This text is shown only once. Copy the text before you close this dialog.";

/// Returns the value of the attribute `data-state` and the displayed text.
pub fn link(state: State) -> (&'static str, &'static str) {
    match state {
        State::Connected => ("connected", "Connected"),
        State::Connecting | State::Waiting { .. } => ("connecting", "Connecting…"),
        State::Offline => ("offline", "Offline"),
    }
}

/// Returns the label of the button that takes a suggested name.
pub fn use_name(name: &str) -> String {
    format!("Use “{name}”")
}

pub fn heading(page: &Page) -> String {
    match page {
        Page::Device(name) => title(name.as_str()),
        Page::Unknown => "Page not found".into(),
        page => section(page).into(),
    }
}

/// Returns the title of the browser window from the heading of the page and the name of the site.
pub fn window(heading: &str, site: &Name) -> String {
    page_title(&format!("{heading} · {}", title(site.as_str())))
}

/// Returns the title of a dialog about a person, device or token, for example `Remove: ann`.
pub fn titled(action: &str, name: &str) -> String {
    format!("{action}: {name}")
}

/// Explains why an API call failed. The text includes the next step. `problem` is `None` if the edge was not reached.
pub fn failure(problem: Option<&Problem>, is_write: bool) -> String {
    match problem {
        None if is_write => {
            "Pinlatch cannot be reached. The change may have been saved. Check this page before you retry."
                .into()
        }
        None => "Pinlatch cannot be reached. Check your connection.".into(),
        Some(problem) if problem.is(Code::InvalidToken) => ENDED.into(),
        Some(problem) if problem.is(Code::InsufficientUserAuthentication) => NOT_PROVEN.into(),
        Some(problem) if problem.is(Code::PersonRequired) => PERSON_REQUIRED.into(),
        Some(problem) if problem.is(Code::UnknownSession) => UNKNOWN_SESSION.into(),
        Some(problem) if problem.is(Code::UnknownCode) => UNKNOWN_CODE.into(),
        Some(problem) if problem.is(Code::DeviceOffline) => DEVICE_OFFLINE.into(),
        Some(problem) if problem.is(Code::DeviceSilent) => DEVICE_SILENT.into(),
        Some(problem) if problem.is(Code::LevelUnknown) => LEVEL_UNKNOWN.into(),
        Some(problem) if problem.is(Code::InsufficientScope) => match &problem.detail {
            Some(detail) => format!("You do not have permission for this action: {detail}."),
            None => "You do not have permission for this action. Ask an owner for access.".into(),
        },
        Some(problem) if problem.is(Code::InvalidRequest) => match &problem.detail {
            Some(detail) => format!("The request is not valid: {detail}."),
            None => "The request is not valid. Check your input, then try again.".into(),
        },
        Some(problem) if problem.is(Code::Throttled) => match problem.retry_after {
            Some(seconds) => format!("Too many requests were sent. Try again in {seconds} s."),
            None => "Too many requests were sent. Try again in a moment.".into(),
        },
        Some(problem) => sentence(problem),
    }
}

/// Formats a date and time with all parts, for example `30 Nov 2026, 14:05:09`.
pub fn exact(at: Moment) -> String {
    let month = MONTHS.get(at.month as usize).copied().unwrap_or_default();
    format!("{} {month} {}, {}", at.day, at.year, clock(at))
}

/// Describes an open invitation or enrolment string: its creator and its end. `end` is a formatted time.
pub fn open_code(creator: &str, end: &str) -> String {
    format!("created by {} · valid until {end}", activity::actor(creator))
}

pub fn pick_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Nothing => "Choose at least one permission.",
        Fault::TooMany => {
            "More than 64 permissions are selected. Choose wider permissions, for example for a whole device."
        }
    }
}

/// Formats a number with its noun, for example `1 use` or `2 uses`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

pub mod picker {
    pub const LINES: &str = "Lines";
    pub const EVERYTHING: &str = "Every device";
    pub const ALL_LINES: &str = "Every line";
    pub const SITE: &str = "Administration";
    /// The heading for selected scopes whose device or line does not exist at the site.
    pub const OTHERS: &str = "Devices and lines that do not exist";
    pub const ALLOWS: &str = "The selected permissions allow:";
    pub const NOTHING: &str = "No permissions are selected.";
    pub const NONE_HELD: &str = "You have no permissions that you can grant.";

    /// Returns the label of the button for a scope.
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
