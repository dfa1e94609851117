//! What the panel says around the devices: the link, the hops, and how things are arranged.

use pinlatch_protocol::name::Name;

use super::{ago, title};
use crate::link::State;
use crate::model::Model;
use crate::visit::Visitor;

/// The page itself, among the ways.
pub const DEVICES: &str = "Devices";
/// The ways to other pages.
pub const WAYS: &str = "Pages";
/// Over the hops.
pub const HEALTH: &str = "The way to your devices";
/// Under the hops.
pub const HEALTH_HINT: &str = "There and back. A device is timed by the last command from this page.";
/// In the account's menu.
pub const THEME: &str = "Theme";
/// The way out.
pub const LOG_OUT: &str = "Log out";
/// Where it did not go.
pub const NOT_LOGGED_OUT: &str = "Not logged out: Pinlatch cannot be reached.";
/// Said when the link is lost.
pub const NOT_CONNECTED: &str = "Not connected.";
/// Said when it is back.
pub const CONNECTED_AGAIN: &str = "Connected again.";
/// Over what may have changed since.
pub const STALE: &str = "Not connected. What you see is the last known state; it may have changed since.";
/// The same without any network.
pub const STALE_NO_NETWORK: &str =
    "This browser has no network. What you see is the last known state; it may have changed since.";
/// Where another version is there.
pub const NEWER: &str = "A new version of this page is there.";
/// Takes it.
pub const LOAD_NEWER: &str = "Load it";
/// Of the search.
pub const SEARCH: &str = "Search lines";
/// Where nothing is found.
pub const NOTHING_FOUND: &str = "Nothing is called that here.";
/// The button that begins and ends arranging.
pub const ARRANGE: (&str, &str) = ("Arrange", "Done");
/// What arranging is.
pub const ARRANGE_HINT: &str = "Drag the tiles, or use their buttons. This browser keeps the arrangement; nothing can be operated meanwhile.";
/// A line among the favourites, or not.
pub const FAVOURITE: &str = "Favourite";
/// A line's group.
pub const GROUP: &str = "Group";
/// Where a line has no group.
pub const NO_GROUP: &str = "With its device";
/// One place towards the beginning.
pub const EARLIER: &str = "Move earlier";
/// One place towards the end.
pub const LATER: &str = "Move later";
/// A press is asked about first.
pub const ASK_FIRST: &str = "Ask before it opens";
/// A tap is enough.
pub const TAP: &str = "A tap is enough";
/// A device all of whose lines are in groups.
pub const ELSEWHERE: &str = "All its lines are in groups.";
/// A device without lines.
pub const NO_LINES: &str = "This device has no lines that you may see.";
/// Where a button was let go too early.
pub const KEEP_HOLDING: &str = "Hold it a little longer";
/// While a button is held.
pub const HOLDING: &str = "Keep holding…";
/// Tries once more, now.
pub const AGAIN: &str = "Try now";

/// A site without devices: the heading, and what to do.
pub const EMPTY: [&str; 2] = ["No devices yet", "Enrol the first one from the owner's command line:"];
/// And then.
pub const EMPTY_THEN: &str =
    "Then run the line that it prints on the device. It appears here as soon as it connects.";
/// A guest's part of a site without its device.
pub const EMPTY_GUEST: [&str; 2] = [
    "Nothing here now",
    "The device that this link is for is not set up at present. It appears here as soon as it is.",
];

/// The link in a word or two.
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

/// A hop on the way to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// From where to where.
    pub way: String,
    /// How long it takes, or `—`.
    pub time: String,
    /// Whether it holds.
    pub good: bool,
}

/// The hops: from here to the edge, and on to each device. What was not measured is not guessed.
pub fn hops(model: &Model, connected: bool, edge_ms: Option<u32>) -> Vec<Hop> {
    let edge = edge_ms.filter(|_| connected).map(u64::from);
    let first = Hop { way: "Browser · edge".into(), time: took(edge), good: connected };
    let others = model.names().into_iter().map(|name| {
        let online = model.device(&name).is_some_and(|device| device.online);
        let time = if online { took(model.answered_in(&name)) } else { "offline".into() };
        let way = format!("Browser · edge · {}", title(name.as_str()));
        Hop { way, time, good: connected && online }
    });
    std::iter::once(first).chain(others).collect()
}

fn took(ms: Option<u64>) -> String {
    ms.map_or_else(|| "—".into(), |ms| format!("{ms} ms"))
}

/// Whether a device is there, else since when not.
pub fn presence(online: bool, gone_ms: Option<u64>) -> String {
    match (online, gone_ms) {
        (true, _) => "online".into(),
        (false, Some(gone_ms)) => format!("offline, last seen {}", ago(gone_ms)),
        (false, None) => "offline, never seen".into(),
    }
}

/// Beside the presence, how long the last command took.
pub fn answered(ms: u64) -> String {
    format!("answered in {ms} ms")
}

/// The account's button.
pub fn account(name: &str) -> String {
    format!("Account {name}")
}

/// Said when something was moved.
pub fn moved(what: &str, place: usize, of: usize) -> String {
    format!("{what}: place {place} of {of}.")
}

/// What the button of a momentary line does: `Hold to open`.
pub fn hold(word: &str) -> String {
    format!("Hold to {}", word.to_ascii_lowercase())
}

/// The question before a press.
pub fn question(word: &str, device: &Name, line: &Name) -> (String, String) {
    let line = title(line.as_str());
    (format!("{word} {line}?"), format!("{line} at {}.", title(device.as_str())))
}

/// Where somebody waits for the first answer. What a guest's link brought is known to this page only.
pub fn waiting(visitor: Visitor, network: bool) -> &'static str {
    match (visitor, network) {
        (Visitor::Person, true) => "Pinlatch cannot be reached. Trying again…",
        (Visitor::Person, false) => "This browser has no network. The panel opens as soon as it is back.",
        (Visitor::Guest, true) => {
            "Pinlatch cannot be reached. Keep this page open: it tries again by itself."
        }
        (Visitor::Guest, false) => {
            "This browser has no network. Keep this page open: it tries again by itself."
        }
    }
}

/// How long a pulse is: `for 3 s`.
pub fn for_time(ms: u32) -> String {
    format!("for {}", super::duration(ms))
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
    fn presence_says_since_when() {
        assert_eq!(presence(true, None), "online");
        assert_eq!(presence(false, Some(120_000)), "offline, last seen 2 min ago");
        assert_eq!(presence(false, None), "offline, never seen");
    }
}
