//! Texts of the device pages.

use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::{Name, NameError};
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::wording;

use super::count;
use crate::manage::changes::Change;
use crate::manage::enrolling::Progress;
use crate::model::Presence;
use crate::words::{level, measured, pressed, reported, span, title};

pub const NONE: &str = "No devices are enrolled yet.";
pub const ENROL: &str = "Enrol a device";
pub const NAME: &str = "Device name";
pub const NAME_HINT: &str = "Use lower-case letters, digits, - and _, for example front-door.";
pub const ENROL_GO: &str = "Create enrolment string";
/// The accessible name of the command.
pub const ENROL_COMMAND: &str = "Enrolment command";
pub const ENROL_NOTE: &str = "Install the agent before you run the command. If the agent runs with a configuration file of your own, add --config and the path of this file.";
/// This text is shown after the device was enrolled, until it connects.
pub const NOT_CONNECTED: &str =
    "If it does not connect, check that the agent runs, and read its log: journalctl -u pinlatch-agent.";
pub const ENROLMENTS: &str = "Open enrolment strings";
pub const WITHDRAW: &str = "Withdraw";
pub const WITHDRAWN: &str = "The enrolment string was withdrawn. It no longer works.";
/// Marks an enrolment string for a device that replaces an enrolled device.
pub const REPLACES: &str = "Replaces the device";
pub const REPLACE: &str = "Replace device";
pub const REMOVE: &str = "Remove device";
pub const REMOVE_GO: &str = "Remove";
pub const REMOVE_TEXT: &str = "The device's certificate is no longer accepted, and the device is disconnected. The lines then behave as the device's configuration defines for a lost connection. To use the device again, enrol the device again.";
pub const GONE: &str = "This device does not exist, or you do not have permission to see its lines.";
pub const HISTORY: &str = "Show activity";
pub const FACTS: &str = "Device details";
pub const LINES: &str = "Lines";
pub const NO_LINES: &str = "The device has reported no lines.";
pub const EVENTS: &str = "Live events";
pub const NO_EVENTS: &str = "No events have occurred since you opened this page.";
/// The headings of the columns of the table with all devices.
pub const DEVICE_COLUMNS: [&str; 6] = ["Device", "Connection", "Last seen", "Agent", "Lines", "Warnings"];
/// The label of the link from the page of one device to the page with all devices.
pub const BACK: &str = "All devices";
/// The headings of the columns of the table with the lines of a device.
pub const COLUMNS: [&str; 5] = ["Line", "Kind", "Level", "Requested", "Changed"];
pub const DASH: &str = "—";

pub mod fact {
    pub const PRESENCE: &str = "Connection";
    pub const SEEN: &str = "Last seen";
    pub const VERSION: &str = "Agent version";
    pub const LINES: &str = "Lines";
    pub const ENROLLED: &str = "Enrolled";
    pub const UP: &str = "Machine up for";
    pub const STARTED: &str = "Agent started";
    /// The difference between the device's system clock and the edge's clock. The agent does not use the system clock
    /// for decisions.
    pub const CLOCK: &str = "Clock";
    /// The agent renews the certificate automatically.
    pub const CERTIFICATE: &str = "Certificate valid until";
}

/// The section with the device's key.
pub mod key {
    use super::Name;

    pub const TITLE: &str = "Device key";
    /// The accessible name of the thumbprint.
    pub const THUMBPRINT: &str = "Thumbprint of the device's key";
    pub const CONFIRMED: &str = "Confirmed by the owner's root key.";
    pub const WHY_CONFIRMED: &str = "Everyone with the owner's public root key can check this device's signed readings and receipts without trusting the server. On the device, pinlatch-agent status --key shows the same key.";
    pub const WHY: &str = "Until then, only the server says that this key is the key of the device. To confirm the key, the owner compares it with the key that pinlatch-agent status --key shows on the device.";

    pub fn not_confirmed(device: &Name) -> String {
        format!("Not confirmed. On the owner's computer, run: pinlatch device confirm {device}")
    }
}

/// The section with the device's rules.
pub mod rules {
    pub const TITLE: &str = "Rules";
    pub const HOW: &str = "The device runs these rules itself, also without the internet. To change them, edit agent.toml on the device. docs/rules.md explains the rules.";
}

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

pub fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Online => "Online",
        Presence::NotAnswering => "Not answering",
        Presence::Offline => "Offline",
    }
}

/// Describes how far the system clock of a device is ahead or behind: `right`, `4 s behind` or `56 years ahead`.
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

/// Formats the desired level of a line. Returns `None` if there is no desired level, or if the reported level equals
/// the desired level.
pub fn desired(line: &LineView) -> Option<String> {
    let desired = line.desired.filter(|desired| Some(*desired) != line.reported)?;
    Some(level(line.kind, Some(&desired)))
}

pub fn change(change: &Change) -> String {
    match change {
        Change::Came => "The device came online.".into(),
        Change::Went => "The device went offline.".into(),
        Change::Silent => "The device did not answer a command.".into(),
        Change::Answers => "The device answers again.".into(),
        Change::Version(version) => format!("The agent is now version {version}."),
        Change::Level { line, view } => format!("{}: {}.", title(line.as_str()), now(view)),
        Change::Desired { line, kind, desired: Some(desired) } => {
            format!("{}: requested {}.", title(line.as_str()), level(*kind, Some(desired)))
        }
        Change::Desired { line, .. } => format!("{}: the requested level was cleared.", title(line.as_str())),
        Change::Pressed { line, long } => {
            format!("{}: {}.", title(line.as_str()), pressed(*long).to_lowercase())
        }
        Change::New(line) => format!("Line added: {}.", title(line.as_str())),
        Change::Gone(line) => format!("Line removed: {}.", title(line.as_str())),
    }
}

fn now(view: &LineView) -> String {
    match (view.kind, view.reported) {
        (LineKind::Sensor, Some(pinlatch_protocol::line::Level::Number(number))) => measured(view, number),
        _ => reported(view),
    }
}

/// Returns the warnings about a device: warnings of its agent, a certificate that was not renewed, a wrong clock, another version than the edge,
/// and a device without lines.
pub fn warnings(device: &DeviceView, edge_ms: u64) -> Vec<String> {
    /// The agent renews its certificate when a third of the 366 days is left. With half of this time left, the renewal
    /// is late.
    const LATE_MS: u64 = 61 * 86_400_000;
    /// A difference below a minute is usual on a machine without network time.
    const OFF_MS: u64 = 60_000;
    let left_ms = device.certificate_exp.map(|exp| exp.saturating_mul(1_000).saturating_sub(edge_ms));
    let certificate = match left_ms {
        Some(0) => Some("Certificate expired".into()),
        Some(left) if left < LATE_MS => Some(format!("Certificate expires in {}", span(left))),
        _ => None,
    };
    let off = device.clock_ahead_ms.filter(|ahead| ahead.unsigned_abs() >= OFF_MS);
    let clock = off.map(|ahead| format!("Clock {}", clock(ahead)));
    let edge = env!("CARGO_PKG_VERSION");
    let version = device.version.as_deref().filter(|version| *version != edge);
    let version = version.map(|_| format!("The edge has version {edge}"));
    let empty = device.lines.is_empty().then(|| NO_LINES.into());
    let own = device.warnings.iter().map(|code| agent_warning(code));
    own.chain([certificate, clock, version, empty].into_iter().flatten()).collect()
}

/// Describes a warning of a device's agent. A code that this version does not know is shown as it is.
pub fn agent_warning(code: &str) -> String {
    wording::warning(code).map_or_else(|| code.to_owned(), str::to_owned)
}

/// Returns a valid device name for a text that is not a valid device name.
pub fn suggested(text: &str) -> Option<String> {
    let is_wanted = !text.is_empty() && Name::new(text).is_err();
    is_wanted.then(|| Name::resembling(text)).flatten().map(String::from)
}

pub fn bad_name(text: &str, wrong: &NameError) -> String {
    match (wrong, suggested(text)) {
        (NameError::Empty, _) => "Type a name for the device.".into(),
        (_, Some(name)) => format!("A device name contains only a–z, 0–9, - and _, for example “{name}”."),
        (wrong, None) => format!("Check the device name: {wrong}."),
    }
}

/// Explains when to replace a device, and what happens then.
pub fn replace_text() -> String {
    format!(
        "Replace the device if another computer takes its place, or if the device has lost its certificate. {}",
        wording::REPLACES
    )
}

/// Warns that a device with the entered name exists.
pub fn exists(name: &Name) -> String {
    format!("{} exists already. {}", title(name.as_str()), replace_text())
}

/// `until` is a formatted time.
pub fn enrol_how(until: &str) -> String {
    format!("Run this command on the device. It works once, within the next hour (until {until}).")
}

/// Describes the progress of an enrolment.
pub fn progress(progress: Progress, name: &Name) -> String {
    let name = title(name.as_str());
    match progress {
        Progress::Waiting => "Waiting for the device to run the command…".into(),
        Progress::Enrolled => format!("{name} is enrolled · waiting for it to connect…"),
        Progress::Connected => format!("{name} is enrolled · connected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinlatch_protocol::name::Name;

    #[test]
    fn a_device_is_warned_about_only_with_a_reason() {
        const DAY_S: u64 = 86_400;
        let well = DeviceView {
            name: Name::new("porch").unwrap(),
            online: true,
            last_seen_ms: Some(0),
            version: Some(env!("CARGO_PKG_VERSION").into()),
            booted_ms: None,
            agent_started_ms: None,
            warnings: Vec::new(),
            key: None,
            confirmed: false,
            answering: true,
            clock_ahead_ms: Some(-59_999),
            certificate_exp: Some(61 * DAY_S),
            lines: Vec::new(),
        };
        assert_eq!(warnings(&well, 0), [NO_LINES]);
        let ill = DeviceView {
            version: Some("0.0.1".into()),
            clock_ahead_ms: Some(-1_790_000_000_000),
            certificate_exp: Some(61 * DAY_S - 1),
            ..well.clone()
        };
        let told = warnings(
            &DeviceView { warnings: vec!["state_not_stored".into(), "new".into()], ..well.clone() },
            0,
        );
        assert!(told[0].contains("disk is full") && told[1] == "new", "{told:?}");
        let told = warnings(&ill, 0);
        assert_eq!(told[..2], ["Certificate expires in 60 days", "Clock 56 years behind"]);
        assert!(told[2].starts_with("The edge has version "), "{told:?}");
        assert_eq!(warnings(&ill, 61 * DAY_S * 1_000)[0], "Certificate expired");
        assert!(
            warnings(&DeviceView { version: None, clock_ahead_ms: None, certificate_exp: None, ..well }, 0)
                .len()
                == 1
        );
    }
}
