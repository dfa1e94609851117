//! The words of the audit log.

use pinlatch_protocol::admin::AuditEntry;
use pinlatch_protocol::problem::Code;

use crate::words::title;

/// Asks who.
pub const WHO: &str = "Who";
/// What that is.
pub const WHO_HINT: &str = "A user name, or device:NAME.";
/// Asks on what.
pub const TARGET: &str = "On what";
/// What that is.
pub const TARGET_HINT: &str = "Like porch/ or porch/door.";
/// Asks what.
pub const ACT: &str = "What";
/// Anything.
pub const ANY: &str = "Anything";
/// Asks how it ended.
pub const OUTCOME: &str = "Outcome";
/// Asks from when.
pub const SINCE: &str = "From";
/// Asks until when.
pub const UNTIL: &str = "Until";
/// Applies the filter.
pub const APPLY: &str = "Show";
/// Takes it away.
pub const CLEAR: &str = "Show everything";
/// The filter.
pub const FILTER: &str = "Filter";
/// Whether new entries appear by themselves.
pub const LIVE: &str = "Live";
/// Where there is nothing.
pub const NONE: &str = "No entry fits.";
/// Brings older ones.
pub const OLDER: &str = "Older entries";
/// Saves the log.
pub const EXPORT: &str = "Export as JSON Lines";
/// While it is saved.
pub const EXPORTING: &str = "Exporting…";
/// Where a date is none.
pub const BAD_TIME: &str = "That is no date and time.";
/// What the list is.
pub const LIST: &str = "Entries, the newest first";

/// The acts that a filter offers.
pub const ACTS: [&str; 20] = [
    "command",
    "login",
    "logout",
    "refresh_reuse",
    "invite",
    "accept_invitation",
    "rights",
    "person_removal",
    "end_sessions",
    "password",
    "admit",
    "identities_removal",
    "mint",
    "revoke",
    "generation",
    "enrolment",
    "enrol",
    "device_removal",
    "odd_message",
    "retention",
];

/// The outcomes that a filter offers.
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

/// An act's name.
pub fn act(act: &str) -> String {
    let words = match act {
        "command" => "Command",
        "login" => "Login",
        "logout" => "Logout",
        "refresh_reuse" => "Stolen session",
        "setup" => "Setup",
        "invite" => "Invitation",
        "accept_invitation" => "Invitation used",
        "rights" => "Rights changed",
        "person_removal" => "Person removed",
        "end_sessions" => "Logins ended",
        "password" => "Password changed",
        "admit" => "Provider login added",
        "identities_removal" => "Provider logins removed",
        "mint" => "Token made",
        "revoke" => "Token revoked",
        "generation" => "All tokens voided",
        "enrolment" => "Enrolment string made",
        "enrol" => "Device enrolled",
        "device_removal" => "Device removed",
        "odd_message" => "Odd message of a device",
        "retention" => "Length of the log changed",
        other => return title(other),
    };
    words.into()
}

/// On what: a command's line and action in words, else as it is written.
pub fn target(entry: &AuditEntry) -> String {
    if entry.act == "command"
        && let Some((place, action)) = entry.target.split_once(':')
        && let Some((device, line)) = place.split_once('/')
    {
        return format!("{} of {}: {action}", title(line), title(device));
    }
    entry.target.clone()
}

/// Who, in words.
pub fn actor(actor: &str) -> String {
    if let Some(device) = actor.strip_prefix("device:") {
        return format!("{} (device)", title(device));
    }
    if actor == "site:reconcile" {
        return "Pinlatch, keeping a level".into();
    }
    if let Some(jti) = actor.strip_prefix("token:") {
        let short: String = jti.chars().take(8).collect();
        return format!("Token {short}…");
    }
    actor.into()
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it was meant to.
    Good,
    /// Refused, or failed.
    Bad,
    /// Nobody knows, or too late.
    Open,
}

impl Tone {
    /// Its name as tests and style sheets read it.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }
}

/// How an entry ended: its tone, and in words.
pub fn outcome(outcome: &str) -> (Tone, String) {
    let (late, word) = match outcome.strip_prefix("amended_") {
        Some(word) => (true, word),
        None => (false, outcome),
    };
    let known = Code::ALL.iter().find(|code| code.as_str() == word);
    let (tone, words) = match (word, known) {
        ("done", _) => (Tone::Good, "done".to_owned()),
        ("executed", _) => (Tone::Good, "executed".into()),
        ("expired" | "deadline_passed", _) => (Tone::Open, "too late, not done".into()),
        ("unknown" | "outcome_unknown", _) => (Tone::Open, "no answer; may have been done".into()),
        ("invitation_withdrawn", _) => (Tone::Good, "invitation withdrawn".into()),
        ("family_ended", _) => (Tone::Bad, "the login was ended".into()),
        ("insufficient_scope", _) => (Tone::Bad, "not allowed".into()),
        (_, Some(code)) => (Tone::Bad, lower(code.title())),
        (word, None) if word.starts_with("refused") => {
            let why = word.trim_start_matches("refused").replace('_', " ");
            (Tone::Bad, format!("refused:{why}"))
        }
        (word, None) => (Tone::Good, word.replace('_', " ")),
    };
    (tone, if late { format!("later: {words}") } else { words })
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// What new entries are, for those who do not see them.
pub fn news(count: usize) -> String {
    super::count(count as u64, "new entry", "new entries")
}

/// How long entries are kept.
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
        assert_eq!(outcome("amended_executed"), (Tone::Good, "later: executed".into()));
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
