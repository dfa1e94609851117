//! The words for the outcomes of audit entries, and the list of outcomes that a filter offers.

use super::AuditEntry;
use crate::problem::{Code, DEVICE_REFUSALS};

/// The prefix of an outcome that a late report of a device has corrected.
const AMENDED: &str = "amended_";

/// The outcomes that mean that the action was done. An entry of a made token or of changed rights has the new kind or
/// role as its outcome.
const DONE: [&str; 9] =
    ["executed", "done", "api", "guest", "owner", "operator", "viewer", "custom", "invitation_withdrawn"];

/// The outcomes of commands without a report in time.
const SILENT: [&str; 2] = ["expired", "unknown"];

/// The problem codes that are outcomes of audit entries.
const PROBLEMS: [Code; 7] = [
    Code::InsufficientScope,
    Code::DeviceOffline,
    Code::UnknownDevice,
    Code::UnknownLine,
    Code::UsedUp,
    Code::NotAdmitted,
    Code::Refused,
];

/// The category of an outcome, which determines its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The action was done.
    Good,
    /// The action was refused or failed.
    Bad,
    /// It is not known whether the action was done, or the deadline passed.
    Open,
}

/// Returns the tone and the words of an entry's outcome.
pub fn outcome(entry: &AuditEntry) -> (Tone, String) {
    match (entry.act.as_str(), entry.outcome.parse::<u64>()) {
        ("login_failed", Ok(_)) => return (Tone::Bad, "wrong password".into()),
        ("rules_dropped", Ok(count)) => return (Tone::Bad, format!("{count} missing")),
        (_, Ok(count)) => return (Tone::Bad, format!("{count} dropped")),
        ("retention", _) if entry.outcome.ends_with("_days") => return (Tone::Good, "done".into()),
        ("odd_message", _) => return (Tone::Bad, entry.outcome.replace('_', " ")),
        _ => {}
    }
    match (entry.outcome.as_str(), entry.max_uses) {
        ("used_up", Some(1)) => (Tone::Bad, "refused: it was good for 1 use".into()),
        ("used_up", Some(uses)) => (Tone::Bad, format!("refused: it was good for {uses} uses")),
        (code, _) => words(code),
    }
}

/// Returns the tone and the words of an outcome's code.
pub fn words(code: &str) -> (Tone, String) {
    if let Some(code) = code.strip_prefix(AMENDED) {
        let (tone, text) = words(code);
        return (tone, format!("later: {text}"));
    }
    if DONE.contains(&code) {
        return (Tone::Good, "done".into());
    }
    let refused = |why: &str| (Tone::Bad, format!("refused: {why}"));
    match code {
        "expired" | "deadline_passed" => (Tone::Open, "too late, not done".into()),
        "unknown" | "outcome_unknown" => (Tone::Open, "no answer, possibly done".into()),
        "family_ended" => (Tone::Bad, "the login was ended".into()),
        "insufficient_scope" => refused("not allowed"),
        "device_offline" => refused("the device was offline"),
        "unknown_device" => refused("no such device"),
        "unknown_line" => refused("no such line"),
        "used_up" => refused("no uses left"),
        "not_admitted" => refused("no access to this site"),
        "refused" => (Tone::Bad, "refused by the device".into()),
        "refused_unknown_line" => refused("the device has no such line"),
        "refused_action" => refused("not an action of this line"),
        "refused_max_on" => refused("longer than the line may be on"),
        "refused_min_interval" => refused("too soon after the last action"),
        "refused_busy" => refused("busy with a pulse"),
        "refused_range" => refused("outside the range"),
        "refused_interlock" => refused("an interlocked line was on"),
        "refused_driver" => refused("the hardware failed"),
        "refused_token" => refused("invalid command token"),
        "refused_stopping" => refused("the device was stopping"),
        "refused_rule_rate" => refused("the rule ran too often"),
        "refused_authority" => refused("the line needs the key of a holder"),
        "refused_challenge" => refused("the call was not new"),
        "refused_many_calls" => refused("too many calls"),
        "refused_call" => refused("invalid call"),
        "refused_grant" => refused("invalid grant"),
        "refused_grant_expired" => refused("the grant has expired"),
        "refused_grant_early" => refused("the grant is not valid yet"),
        "refused_grant_scope" => refused("not in the grant"),
        "refused_revoked" => refused("the grant was revoked"),
        "refused_time_unknown" => refused("the device does not know the time"),
        "refused_replay" => refused("the command came twice"),
        other => match other.strip_prefix("refused_") {
            Some(why) => refused(&why.replace('_', " ")),
            None => (Tone::Bad, other.replace('_', " ")),
        },
    }
}

/// The choices of a filter by outcome: the words, and the value of the filter, which can select several outcomes.
/// Together, the choices contain every outcome except numbers and the texts of odd messages.
pub fn choices() -> Vec<(String, String)> {
    let problems = PROBLEMS.iter().map(|code| code.as_str());
    let codes = DONE.into_iter().chain(SILENT).chain(problems).chain(["family_ended"]).chain(DEVICE_REFUSALS);
    let mut choices: Vec<(String, String)> = Vec::new();
    for code in codes {
        let text = words(code).1;
        let both = format!("{code},{AMENDED}{code}");
        match choices.iter_mut().find(|(known, _)| *known == text) {
            Some((_, value)) => value.push_str(&format!(",{both}")),
            None => choices.push((text, both)),
        }
    }
    choices
}

/// Returns whether a value of a filter selects an outcome.
pub fn selects(value: &str, outcome: &str) -> bool {
    value.split(',').any(|own| own == outcome)
}
