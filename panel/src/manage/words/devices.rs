//! The words of the pages of devices.

use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::panel::LineView;

use super::count;
use crate::manage::changes::Change;
use crate::words::{ago, level, measured, pressed, reported, span, title};

/// A site without devices.
pub const NONE: &str = "No device is enrolled yet.";
/// Begins an enrolment.
pub const ENROL: &str = "Enrol a device";
/// Asks for a name.
pub const NAME: &str = "Name of the device";
/// What a name may be.
pub const NAME_HINT: &str = "Small letters, digits, - and _, like front-door.";
/// Asks for the string.
pub const ENROL_GO: &str = "Make an enrolment string";
/// What is done with it.
pub const ENROL_HOW: &str = "Run this on the device, as the user that the agent runs as. It is good once and for an hour; the device appears here as soon as it connects.";
/// The string alone.
pub const ENROL_QR: &str = "The QR code holds the enrolment string alone.";
/// Begins a replacement.
pub const REPLACE: &str = "Replace the device";
/// What a replacement does.
pub const REPLACE_TEXT: &str = "For another computer in its place, or a lost certificate. The device that is enrolled now keeps working until the new string is used; then it is shut out.";
/// Begins a removal.
pub const REMOVE: &str = "Remove the device";
/// Does it.
pub const REMOVE_GO: &str = "Remove";
/// What a removal does.
pub const REMOVE_TEXT: &str = "Its certificate opens nothing any more and its connection ends. Its lines keep the level that its own configuration gives them. It has to be enrolled again to come back.";
/// A device that is not there any more.
pub const GONE: &str = "There is no such device here, or you may see none of its lines.";
/// The way to what happened before.
pub const HISTORY: &str = "Its activity so far";
/// The heading over the facts.
pub const FACTS: &str = "The device";
/// The heading over the lines.
pub const LINES: &str = "Lines";
/// A device without lines.
pub const NO_LINES: &str = "The device has told of no line.";
/// The heading over the events.
pub const EVENTS: &str = "Live events";
/// Before the first event.
pub const NO_EVENTS: &str = "Nothing has happened since you opened this page.";
/// The columns of the lines.
pub const COLUMNS: [&str; 5] = ["Line", "Kind", "Level", "Asked for", "Changed"];
/// Nothing.
pub const DASH: &str = "—";

/// The facts' names.
pub mod fact {
    /// Whether it is connected.
    pub const PRESENCE: &str = "Connection";
    /// When it was last heard of.
    pub const SEEN: &str = "Last sign of life";
    /// Its agent.
    pub const VERSION: &str = "Agent version";
    /// How many lines it has.
    pub const LINES: &str = "Lines";
    /// When its certificate was given.
    pub const ENROLLED: &str = "Enrolled";
    /// Since when its machine runs.
    pub const UP: &str = "Up for";
    /// Its machine's own clock, which it does not go by.
    pub const CLOCK: &str = "Own clock, when it connected";
    /// Its certificate, which it renews by itself.
    pub const CERTIFICATE: &str = "Certificate good until";
}

/// A kind of line.
pub fn kind(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Switch => "Switch",
        LineKind::Momentary => "Momentary",
        LineKind::Dimmer => "Dimmer",
        LineKind::Rgb => "Colour",
        LineKind::Servo => "Servo",
        LineKind::Contact => "Contact",
        LineKind::Sensor => "Sensor",
    }
}

/// Whether a device is there.
pub fn presence(online: bool) -> &'static str {
    if online { "Online" } else { "Offline" }
}

/// How a device's own clock was when it connected: `right`, `4 s behind`, `56 years ahead`.
pub fn clock(ahead_ms: i64) -> String {
    const YEAR_MS: u64 = 31_556_952_000;
    let off = ahead_ms.unsigned_abs();
    let word = if ahead_ms < 0 { "behind" } else { "ahead" };
    match off {
        0..1_000 => "right".into(),
        1_000..YEAR_MS => format!("{} {word}", span(off)),
        _ => format!("{} {word}", count(off / YEAR_MS, "year", "years")),
    }
}

/// What is asked of a line; nothing where the level is as asked.
pub fn wish(line: &LineView) -> Option<String> {
    let wish = line.desired.filter(|wish| Some(*wish) != line.reported)?;
    Some(level(line.kind, Some(&wish)))
}

/// A change in one sentence.
pub fn change(change: &Change) -> String {
    match change {
        Change::Came => "The device came online.".into(),
        Change::Went => "The device went offline.".into(),
        Change::Version(version) => format!("The agent is version {version} now."),
        Change::Level { line, view } => format!("{}: {}.", title(line.as_str()), now(view)),
        Change::Wish { line, kind, wish: Some(wish) } => {
            format!("{}: asked for {}.", title(line.as_str()), level(*kind, Some(wish)))
        }
        Change::Wish { line, .. } => format!("{}: nothing is asked for any more.", title(line.as_str())),
        Change::Pressed { line, long } => {
            format!("{}: {}.", title(line.as_str()), pressed(*long).to_lowercase())
        }
        Change::New(line) => format!("The device has a new line, {}.", title(line.as_str())),
        Change::Gone(line) => format!("The device has no line {} any more.", title(line.as_str())),
    }
}

fn now(view: &LineView) -> String {
    match (view.kind, view.reported) {
        (LineKind::Sensor, Some(pinlatch_protocol::line::Level::Number(number))) => measured(view, number),
        _ => reported(view),
    }
}

/// A device in a list: how many lines it has, and how long nothing was heard of one that is not there.
pub fn card(lines: usize, silent_ms: Option<u64>) -> String {
    let lines = count(lines as u64, "line", "lines");
    match silent_ms {
        Some(ms) => format!("{lines} · last seen {}", ago(ms)),
        None => lines,
    }
}

/// The command that uses an enrolment string.
pub fn enrol_command(string: &str) -> String {
    format!("pinlatch-agent enrol '{string}'")
}
