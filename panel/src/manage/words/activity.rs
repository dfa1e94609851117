//! Texts of the audit log.

use pinlatch_protocol::admin::AuditEntry;
use pinlatch_protocol::problem::Code;
use pinlatch_token::TOKEN_SUBJECT_PREFIX;

use crate::words::title;

pub const WHO: &str = "User or device";
pub const WHO_HINT: &str = "Enter a user name, or device:NAME for a device.";
pub const TARGET: &str = "Target";
pub const TARGET_HINT: &str = "Enter the start of a target, for example porch/ or porch/door.";
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

/// The actions that the filter offers.
pub const ACTS: [&str; 27] = [
    "command",
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
    "device_removal",
    "odd_message",
    "events_dropped",
    "retention",
];

/// The outcomes that the filter offers.
pub const OUTCOMES: [&str; 8] = [
    "executed",
    "done",
    "insufficient_scope",
    "device_offline",
    "expired",
    "unknown",
    "refused_interlock",
    "refused_max_on",
];

pub fn act(act: &str) -> String {
    let words = match act {
        "command" => "Command",
        "login" => "Sign-in",
        "login_failed" => "Failed sign-ins",
        "logout" => "Sign-out",
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
        "admit" => "Sign-in provider added",
        "identities_removal" => "Sign-in providers removed",
        "mint" => "Token created",
        "revoke" => "Token revoked",
        "generation" => "Emergency stop",
        "enrolment" => "Enrolment string created",
        "enrolment_withdrawal" => "Enrolment string withdrawn",
        "enrol" => "Device enrolled",
        "device_removal" => "Device removed",
        "odd_message" => "Unexpected device message",
        "events_dropped" => "Too many events",
        "retention" => "Log retention changed",
        other => return title(other),
    };
    words.into()
}

/// Describes the target of an audit entry. The target of a command is shown as line, device and action.
pub fn target(entry: &AuditEntry) -> String {
    if entry.act == "command"
        && let Some((place, action)) = entry.target.split_once(':')
        && let Some((device, line)) = place.split_once('/')
    {
        return format!("{} of {}: {action}", title(line), title(device));
    }
    entry.target.clone()
}

pub fn actor(actor: &str) -> String {
    if let Some(device) = actor.strip_prefix("device:") {
        return format!("{} (device)", title(device));
    }
    if actor == "site:gate" {
        return "Pinlatch".into();
    }
    if actor == "site:reconcile" {
        return "Pinlatch (restored a level)".into();
    }
    if let Some(jti) = actor.strip_prefix(TOKEN_SUBJECT_PREFIX) {
        let short: String = jti.chars().take(8).collect();
        return format!("Token {short}…");
    }
    actor.into()
}

/// The category of an outcome, which determines its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    /// The operation was refused or failed.
    Bad,
    /// The outcome is unknown, or the deadline passed.
    Open,
}

impl Tone {
    /// Returns the value of the attribute `data-tone`.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }
}

/// Returns the tone and the text of an outcome.
pub fn outcome(outcome: &str) -> (Tone, String) {
    let (late, word) = match outcome.strip_prefix("amended_") {
        Some(word) => (true, word),
        None => (false, outcome),
    };
    let known = Code::ALL.iter().find(|code| code.as_str() == word);
    let (tone, words) = match (word, known) {
        ("done", _) => (Tone::Good, "done".to_owned()),
        ("executed", _) => (Tone::Good, "executed".into()),
        ("expired" | "deadline_passed", _) => (Tone::Open, "not executed: the deadline passed".into()),
        ("unknown" | "outcome_unknown", _) => (Tone::Open, "no answer: possibly executed".into()),
        ("invitation_withdrawn", _) => (Tone::Good, "invitation withdrawn".into()),
        ("family_ended", _) => (Tone::Bad, "session ended".into()),
        ("insufficient_scope", _) => (Tone::Bad, "not allowed".into()),
        (_, Some(code)) => (Tone::Bad, lower(code.title())),
        (word, None) if word.starts_with("refused") => {
            let why = word.trim_start_matches("refused").replace('_', " ");
            (Tone::Bad, format!("refused:{why}"))
        }
        (word, None) => match word.parse() {
            Ok(number) => (Tone::Bad, super::count(number, "attempt", "attempts")),
            Err(_) => (Tone::Good, word.replace('_', " ")),
        },
    };
    (tone, if late { format!("reported later: {words}") } else { words })
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
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

    fn entry(act: &str, target: &str) -> AuditEntry {
        AuditEntry {
            seq: 1,
            at_ms: 1,
            actor: "ann".into(),
            jti: None,
            act: act.into(),
            target: target.into(),
            outcome: "done".into(),
            hash: String::new(),
        }
    }

    #[test]
    fn a_command_is_told_by_its_line() {
        assert_eq!(target(&entry("command", "porch/front-door:pulse")), "Front door of Porch: pulse");
        assert_eq!(target(&entry("login", "ann")), "ann");
        assert_eq!(target(&entry("command", "odd")), "odd");
    }

    #[test]
    fn every_act_that_is_offered_has_words() {
        let words: std::collections::BTreeSet<String> = ACTS.iter().map(|own| act(own)).collect();
        assert_eq!(words.len(), ACTS.len());
        assert_eq!(act("something_new"), "Something new");
    }

    #[test]
    fn outcomes_have_a_tone() {
        assert_eq!(outcome("executed"), (Tone::Good, "executed".into()));
        assert_eq!(outcome("amended_executed"), (Tone::Good, "reported later: executed".into()));
        assert_eq!(outcome("refused_interlock"), (Tone::Bad, "refused: interlock".into()));
        assert_eq!(outcome("device_offline").0, Tone::Bad);
        assert_eq!(outcome("unknown").0, Tone::Open);
        assert_eq!(outcome("insufficient_scope"), (Tone::Bad, "not allowed".into()));
        assert_eq!(outcome("viewer"), (Tone::Good, "viewer".into()));
    }

    #[test]
    fn actors_are_named() {
        assert_eq!(actor("ann"), "ann");
        assert_eq!(actor("device:front-door"), "Front door (device)");
        assert_eq!(actor("token:abcdefghijkl"), "Token abcdefgh…");
    }
}
