//! Texts of the board: connection state, latency, presence of devices, and arranging. The texts of single lines are in
//! the module `line`.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::Role;

use super::names::title;
use super::times::{ago, duration};
use crate::link::State;
use crate::manage::page::Page;
use crate::model::{Model, Presence};
use crate::prefs::{self, Theme};
use crate::visit::Visitor;

/// The title of the board in the navigation.
pub const BOARD: &str = "Board";
/// The label of the button for the pages that do not fit into the navigation of a narrow screen.
pub const MORE: &str = "More";
/// Screen readers read this text before the name of the current page, if this page is one of the other pages.
pub const MORE_PAGES: &str = "More pages. Current page: ";
pub const SKIP: &str = "Skip to the content";
/// Screen readers read this text after the name of the site, if the name is a button.
pub const SWITCH_SITE: &str = ", switch to another site";
/// The heading of the menu with the sites to which the browser is logged in.
pub const SITES: &str = "Your sites in this browser";
/// The accessible name of the navigation bar.
pub const WAYS: &str = "Pages";
pub const HEALTH: &str = "Connection";
pub const HEALTH_HINT: &str =
    "These are round-trip times. The time of a device is measured with the last command from this page.";
pub const THEME: &str = "Theme";
pub const LOG_OUT: &str = "Log out";
pub const NOT_LOGGED_OUT: &str =
    "Logging out failed, because Pinlatch cannot be reached. Check your connection, then try again.";
/// Screen readers announce this text when the connection is lost.
pub const NOT_CONNECTED: &str = "The connection was lost.";
/// Screen readers announce this text when the connection is restored.
pub const CONNECTED_AGAIN: &str = "The connection was restored.";
pub const STALE: &str = "The connection was lost. This page shows the last known state, which may be out of date. The page reconnects automatically.";
pub const STALE_NO_NETWORK: &str = "This browser has no network connection. This page shows the last known state, which may be out of date. The page reconnects automatically.";
/// This text is shown after the page was loaded again because another person logged in.
pub const OTHER_LOGIN: &str = "Another person logged in to this site in this browser, so the page was loaded again. If you were making a change, the change was not made.";
pub const NEWER: &str = "A new version of this page is available.";
pub const LOAD_NEWER: &str = "Reload";
pub const SEARCH: &str = "Search lines";
pub const NOTHING_FOUND: &str = "No lines match your search.";
/// The labels of the button that starts and ends arranging.
pub const ARRANGE: (&str, &str) = ("Arrange", "Done");
pub const ARRANGE_HINT: &str = "Drag the tiles, or use the buttons on the tiles. The arrangement is stored in this browser. To operate lines again, select “Done”.";
pub const FAVOURITE: &str = "Favourite";
/// The displayed name of the group of favourites.
pub const FAVOURITES: &str = "Favourites";
pub const GROUP: &str = "Group";
pub const NO_GROUP: &str = "No group";
pub const EARLIER: &str = "Move earlier";
pub const LATER: &str = "Move later";
pub const ASK_FIRST: &str = "Ask for confirmation";
pub const TAP: &str = "Tap instead of hold";
/// This text is shown on the plate of a device if all lines of the device are in groups.
pub const ELSEWHERE: &str = "All lines of this device are in groups.";
pub const NO_LINES: &str = "This device has no lines that you have permission to see.";
/// This text is shown if the person released a momentary line's button too early.
pub const KEEP_HOLDING: &str = "Hold a little longer";
pub const HOLDING: &str = "Keep holding…";
pub const AGAIN: &str = "Try again";

/// The heading and the text for a site without devices, if the viewer can enrol a device.
pub const EMPTY: [&str; 2] = [
    "No devices yet",
    "A device is a Raspberry Pi or another Linux machine with Pinlatch's agent. It appears on this page when it connects.",
];
/// The heading and the text for a site without devices, if the viewer cannot enrol a device.
pub const EMPTY_VIEWER: [&str; 2] =
    ["No devices yet", "Ask an owner to enrol a device. It appears on this page when it connects."];
pub const ENROL: &str = "Enrol a device";
/// The heading and the text for a guest's page without devices.
pub const EMPTY_GUEST: [&str; 2] = [
    "No device is available",
    "The device for this link is not available at the moment. It appears on this page when it is available.",
];

/// Returns the title of an administration page in the navigation bar.
pub fn section(page: &Page) -> &'static str {
    match page {
        Page::Devices | Page::Device(_) => "Devices",
        Page::People => "People",
        Page::Tokens => "Tokens and links",
        Page::Activity => "Activity",
        Page::Inspector => "Token inspector",
        Page::Account => "Your account",
        Page::Unknown => "",
    }
}

pub fn theme(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "System",
        Theme::Light => "Light",
        Theme::Dark => "Dark",
    }
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Operator => "Operator",
        Role::Viewer => "Viewer",
    }
}

/// Returns the displayed name of a group. Preferences store the group of favourites under a fixed name.
pub fn group(stored: &str) -> &str {
    if stored == prefs::FAVOURITES { FAVOURITES } else { stored }
}

/// Returns the name under which preferences store a group. `shown` is the name that the person entered.
pub fn stored_group(shown: &str) -> &str {
    if shown.trim() == FAVOURITES { prefs::FAVOURITES } else { shown }
}

pub fn link(state: State, now_ms: u64) -> String {
    match state {
        State::Connected => "Connected".into(),
        State::Connecting => "Connecting…".into(),
        State::Waiting { until_ms } => {
            format!("Reconnecting in {} s", until_ms.saturating_sub(now_ms).div_ceil(1_000).max(1))
        }
        State::Offline => "Offline".into(),
    }
}

/// A network path from the browser to the edge, or through the edge to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub way: String,
    /// The round-trip time, `offline`, or `—` if no time was measured.
    pub time: String,
    pub good: bool,
}

/// Returns the network path to the edge, and the network path to each device.
pub fn hops(model: &Model, connected: bool, edge_ms: Option<u32>) -> Vec<Hop> {
    let edge = edge_ms.filter(|_| connected).map(u64::from);
    let first = Hop { way: "Browser · edge".into(), time: took(edge), good: connected };
    let others = model.names().into_iter().map(|name| {
        let state = model.presence(&name);
        let time = match state {
            Presence::Online => took(model.answered_in(&name)),
            Presence::NotAnswering => "not answering".into(),
            Presence::Offline => "offline".into(),
        };
        let way = format!("Browser · edge · {}", title(name.as_str()));
        Hop { way, time, good: connected && state == Presence::Online }
    });
    std::iter::once(first).chain(others).collect()
}

fn took(ms: Option<u64>) -> String {
    ms.map_or_else(|| "—".into(), |ms| format!("{ms} ms"))
}

pub fn presence(presence: Presence, gone_ms: Option<u64>) -> String {
    match (presence, gone_ms) {
        (Presence::Online, _) => "online".into(),
        (Presence::NotAnswering, _) => "not answering".into(),
        (Presence::Offline, Some(gone_ms)) => format!("offline, last seen {}", ago(gone_ms)),
        (Presence::Offline, None) => "offline, never seen".into(),
    }
}

/// Formats the round-trip time of a device's last command.
pub fn answered(ms: u64) -> String {
    format!("answered in {ms} ms")
}

pub fn account(name: &str) -> String {
    format!("Account {name}")
}

/// Returns the announcement after a tile or a plate was moved. `place` counts from 1.
pub fn moved(what: &str, place: usize, of: usize) -> String {
    format!("{what} is now at position {place} of {of}.")
}

/// Returns the label of a momentary line's button, for example `Hold to open`.
pub fn hold(word: &str) -> String {
    format!("Hold to {}", word.to_ascii_lowercase())
}

/// Returns the title and the text of the dialog that asks for confirmation before a press.
pub fn question(word: &str, device: &Name, line: &Name) -> (String, String) {
    let line = title(line.as_str());
    (format!("{word} {line}?"), format!("This sends a command to the device {}.", title(device.as_str())))
}

/// Returns the text that is shown until the edge answers for the first time. A guest must keep the page open, because
/// only this page still has the token of the guest link.
pub fn waiting(visitor: Visitor, network: bool) -> &'static str {
    match (visitor, network) {
        (Visitor::Person, true) => "Pinlatch cannot be reached. This page tries again automatically.",
        (Visitor::Person, false) => {
            "This browser has no network connection. The panel opens when the connection is restored."
        }
        (Visitor::Guest, true) => {
            "Pinlatch cannot be reached. Keep this page open. The page tries again automatically."
        }
        (Visitor::Guest, false) => {
            "This browser has no network connection. Keep this page open. The page tries again automatically."
        }
    }
}

/// Formats the length of a pulse, for example `for 3 s`.
pub fn for_time(ms: u32) -> String {
    format!("for {}", duration(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_told_in_a_word() {
        assert_eq!(link(State::Connected, 0), "Connected");
        assert_eq!(link(State::Waiting { until_ms: 2_500 }, 1_000), "Reconnecting in 2 s");
        assert_eq!(link(State::Waiting { until_ms: 1_000 }, 5_000), "Reconnecting in 1 s");
    }

    #[test]
    fn what_was_not_measured_is_not_guessed() {
        let edge = |connected, ms| hops(&Model::default(), connected, ms).remove(0).time;
        assert_eq!(edge(true, Some(12)), "12 ms");
        assert_eq!((edge(true, None), edge(false, Some(12))), ("—".into(), "—".into()));
    }

    #[test]
    fn a_group_is_stored_under_a_name_that_does_not_depend_on_the_texts() {
        assert_eq!((group(prefs::FAVOURITES), group("Garden")), (FAVOURITES, "Garden"));
        assert_eq!(stored_group(&format!(" {FAVOURITES} ")), prefs::FAVOURITES);
        assert_eq!(stored_group("Garden"), "Garden");
    }

    #[test]
    fn presence_says_since_when() {
        assert_eq!(presence(Presence::Online, None), "online");
        assert_eq!(presence(Presence::NotAnswering, Some(120_000)), "not answering");
        assert_eq!(presence(Presence::Offline, Some(120_000)), "offline, last seen 2 min ago");
        assert_eq!(presence(Presence::Offline, None), "offline, never seen");
    }
}
