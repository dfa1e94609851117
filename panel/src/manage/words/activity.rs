//! Texts of the audit log.

use pinlatch_protocol::audit::outcomes::Tone;
use pinlatch_protocol::audit::{AuditEntry, words};

use crate::words::{Moment, clock, title};

pub const WHO: &str = "Who";
pub const TARGET: &str = "On what";
pub const TARGET_HINT: &str = "Choose from the list, or enter a part of a name, for example door.";
pub const ACT: &str = "Action";
pub const ANY: &str = "Any";
pub const OUTCOME: &str = "Outcome";
pub const SINCE: &str = "From";
pub const UNTIL: &str = "Until";
pub const APPLY: &str = "Apply";
pub const CLEAR: &str = "Clear filter";
pub const FILTER: &str = "Filter";
pub const LIVE: &str = "Live";
pub const NONE: &str = "No entries match the filter.";
pub const OLDER: &str = "Older entries";
pub const EXPORT: &str = "Export as JSON Lines";
pub const EXPORTING: &str = "Exporting…";
pub const BAD_TIME: &str = "Enter a valid date and time.";
pub const LIST: &str = "Entries, newest first";
/// Marks an entry whose outcome the device has signed.
pub const RECEIPT: &str = "Receipt";
pub const RECEIPT_TEXT: &str = "The device signed this outcome with its own key.";
pub const COPY_RECEIPT: &str = "Copy receipt";
pub const INSPECT_RECEIPT: &str = "Inspect receipt";
/// This text is shown if the browser denies access to the clipboard.
pub const RECEIPT_NOT_COPIED: &str =
    "The browser blocked the clipboard. Choose “Inspect receipt”, and copy the text there.";

/// The actions that the filter offers.
pub const ACTS: [&str; 39] = [
    "command",
    "rule",
    "setup",
    "login",
    "login_failed",
    "logout",
    "refresh_reuse",
    "invite",
    "accept_invitation",
    "invitation_withdrawal",
    "rights",
    "person_removal",
    "end_session",
    "end_sessions",
    "proof",
    "password",
    "account_secured",
    "admit",
    "identities_removal",
    "mint",
    "revoke",
    "generation",
    "enrolment",
    "enrolment_withdrawal",
    "enrol",
    "renewal",
    "device_confirmation",
    "device_removal",
    "receipt",
    "odd_message",
    "events_dropped",
    "rules_dropped",
    "retention",
    "audit",
    "users",
    "invitations",
    "tokens",
    "devices",
    "enrolments",
];

pub fn act(act: &str) -> String {
    let words = match act {
        "command" => "Command",
        "rule" => "Rule",
        "login" => "Login",
        "login_failed" => "Failed sign-ins",
        "logout" => "Logout",
        "refresh_reuse" => "Refresh token reused",
        "setup" => "Setup",
        "invite" => "Invitation",
        "accept_invitation" => "Invitation accepted",
        "invitation_withdrawal" => "Invitation withdrawn",
        "end_session" => "Session ended",
        "proof" => "Identity confirmed",
        "account_secured" => "Account secured",
        "rights" => "Permissions changed",
        "person_removal" => "Person removed",
        "end_sessions" => "Sessions ended",
        "password" => "Password changed",
        "admit" => "Login provider added",
        "identities_removal" => "Login providers removed",
        "mint" => "Token created",
        "revoke" => "Token revoked",
        "generation" => "Emergency stop",
        "enrolment" => "Enrolment string created",
        "enrolment_withdrawal" => "Enrolment string withdrawn",
        "enrol" => "Device enrolled",
        "device_confirmation" => "Device key confirmed",
        "device_removal" => "Device removed",
        "receipt" => "Late receipt",
        "odd_message" => "Unexpected device message",
        "events_dropped" => "Too many events",
        "rules_dropped" => "Rule reports missing",
        "retention" => "Log retention changed",
        "renewal" => "Certificate renewed",
        "audit" => "Log read",
        "users" => "People listed",
        "invitations" => "Invitations listed",
        "tokens" => "Tokens and links listed",
        "devices" => "Devices managed",
        "enrolments" => "Enrolment strings listed",
        other => return title(other),
    };
    words.into()
}

/// Names an actor, for example `Porch (device)`.
pub fn actor(actor: &str) -> String {
    match words::nameless(actor) {
        (name, Some(what)) => format!("{name} {}", kind(what)),
        (name, None) => name,
    }
}

/// Returns what an actor is, in parentheses.
pub fn kind(kind: &str) -> String {
    format!("({kind})")
}

/// Returns the value of the attribute `data-tone`, which determines the colour of an outcome.
pub fn mark(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Open => "open",
    }
}

/// Returns the time of day in two parts, because narrow screens show no seconds.
pub fn time(at: Moment) -> (String, String) {
    (format!("{:02}:{:02}", at.hour, at.minute), format!(":{:02}", at.second))
}

/// Names the time of an event that was reported later: `at 14:03:12, reported at 14:20:05`, or `on 29 Nov 2026, 14:03:12,
/// reported at 14:20:05` for an event of another day.
pub fn happened(at: Moment, reported: Moment) -> String {
    let is_same_day = (at.year, at.month, at.day) == (reported.year, reported.month, reported.day);
    let at = if is_same_day { format!("at {}", clock(at)) } else { format!("on {}", super::exact(at)) };
    format!("{at}, reported at {}", clock(reported))
}

/// Formats a date as the heading of a day: `Today`, `Yesterday`, `Friday, 27 November` or `27 November 2026`.
pub fn day(at: Moment, now: Moment, yesterday: Moment) -> String {
    const WEEKDAYS: [&str; 7] =
        ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let name = |names: &[&'static str], index: u32| names.get(index as usize).copied().unwrap_or_default();
    let is_on = |day: Moment| (at.year, at.month, at.day) == (day.year, day.month, day.day);
    let (weekday, month) = (name(&WEEKDAYS, at.weekday), name(&MONTHS, at.month));
    if is_on(now) {
        "Today".into()
    } else if is_on(yesterday) {
        "Yesterday".into()
    } else if at.year == now.year {
        format!("{weekday}, {} {month}", at.day)
    } else {
        format!("{} {month} {}", at.day, at.year)
    }
}

/// Returns the technical ids of an entry, with their names.
pub fn ids(entry: &AuditEntry) -> Vec<(&'static str, String)> {
    let all = [
        ("Number", Some(entry.seq.to_string())),
        ("Actor", Some(entry.actor.clone())),
        ("Token id (jti)", entry.jti.clone()),
        ("Action code", Some(entry.act.clone())),
        ("Target", Some(entry.target.clone())),
        ("Arguments", entry.args.clone()),
        ("Run of the agent", entry.boot.clone()),
        ("Report number", entry.n.map(|n| n.to_string())),
        ("Outcome code", Some(entry.outcome.clone())),
        ("Hash", Some(entry.hash.clone())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Returns the announcement of new entries.
pub fn news(count: usize) -> String {
    super::count(count as u64, "new entry", "new entries")
}

/// Describes how long the entries of the audit log are stored.
pub fn kept(days: u32) -> String {
    format!("Entries are kept for {}.", super::count(u64::from(days), "day", "days"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_that_is_offered_has_words() {
        let words: std::collections::BTreeSet<String> = ACTS.iter().map(|own| act(own)).collect();
        assert_eq!(words.len(), ACTS.len());
        assert_eq!(act("something_new"), "Something new");
    }

    #[test]
    fn actors_are_named() {
        assert_eq!(actor("ann"), "ann");
        assert_eq!(actor("device:front-door"), "Front door (device)");
        assert_eq!(actor("rule:frost-guard"), "Frost guard (rule)");
        assert_eq!(actor("token:abcdefghijkl"), "Token abcdefgh…");
    }

    #[test]
    fn a_day_is_named_without_redundant_parts() {
        let on =
            |year, month, day, weekday| Moment { year, month, day, weekday, hour: 9, minute: 5, second: 3 };
        let (now, yesterday) = (on(2026, 0, 1, 4), on(2025, 11, 31, 3));
        assert_eq!(day(now, now, yesterday), "Today");
        assert_eq!(day(yesterday, now, yesterday), "Yesterday");
        assert_eq!(day(on(2026, 10, 27, 5), now, yesterday), "Friday, 27 November");
        assert_eq!(day(on(2025, 11, 30, 2), now, yesterday), "30 December 2025");
        assert_eq!(time(now), ("09:05".into(), ":03".into()));
    }

    #[test]
    fn the_time_of_a_late_report_names_the_day_if_necessary() {
        let at = |day, hour| Moment { year: 2026, month: 10, day, weekday: 0, hour, minute: 3, second: 12 };
        assert_eq!(happened(at(29, 14), at(29, 15)), "at 14:03:12, reported at 15:03:12");
        assert_eq!(happened(at(28, 14), at(29, 9)), "on 28 Nov 2026, 14:03:12, reported at 09:03:12");
    }

    #[test]
    fn the_ids_are_those_of_the_entry() {
        let entry = AuditEntry {
            seq: 7,
            actor: "token:abc".into(),
            jti: Some("abc".into()),
            ..AuditEntry::default()
        };
        let ids = ids(&entry);
        assert!(
            ids.contains(&("Token id (jti)", "abc".into())) && ids.contains(&("Actor", "token:abc".into()))
        );
        assert!(ids.iter().all(|(name, _)| *name != "Arguments"));
    }
}
