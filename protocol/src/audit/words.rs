//! The sentences that the panel and the command line show for audit entries.

use super::AuditEntry;
use super::outcomes::{Tone, outcome};
use crate::admin::TOKEN_SUBJECT_PREFIX;
use crate::line::{Action, LineKind};
use crate::wording::{self, Tense, title};

/// The number of characters of a token's id that a sentence shows if the token has no name.
const SHORT_ID: usize = 8;

/// A time of an event that differs by more than this from the time of the entry is shown, in milliseconds. A report that
/// comes at once is slightly later than its event.
const LATE_MS: u64 = 2_000;

/// An audit entry in words, for example `Courier on Friday`, `guest link`, `opened Door (Porch) for 3 s` and `done`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The name of the actor. The field is absent if the text is a sentence without an actor.
    pub actor: Option<String>,
    /// What the actor is, for example `guest link` or `rule`. The field is absent for people and for Pinlatch itself.
    pub actor_kind: Option<&'static str>,
    /// The rest of the sentence.
    pub text: String,
    /// The words of the outcome.
    pub outcome: String,
    /// The category of the outcome.
    pub tone: Tone,
    /// The time of the event, in milliseconds of Unix time, if the event was reported clearly later than it happened.
    pub happened_ms: Option<u64>,
}

impl Sentence {
    /// Returns the words of an audit entry.
    pub fn of(entry: &AuditEntry) -> Self {
        let (tone, outcome) = outcome(entry);
        let is_done = tone == Tone::Good || TELLS.contains(&entry.act.as_str());
        let (actor, actor_kind) = match entry.act.as_str() {
            "login_failed" | "rules_dropped" => (None, None),
            _ => {
                let (name, kind) = actor(entry);
                (Some(name), kind)
            }
        };
        let text = if is_done {
            action(entry, Tense::Past)
        } else {
            format!("tried to {}", action(entry, Tense::Infinitive))
        };
        let happened_ms = entry.happened_ms.filter(|ms| ms.abs_diff(entry.at_ms) > LATE_MS);
        Self { actor, actor_kind, text, outcome, tone, happened_ms }
    }

    /// Returns the actor with its kind, for example `Courier (guest link)`.
    pub fn who(&self) -> Option<String> {
        let actor = self.actor.as_ref()?;
        Some(self.actor_kind.map_or_else(|| actor.clone(), |kind| format!("{actor} ({kind})")))
    }

    /// Returns the whole sentence without the outcome.
    pub fn line(&self) -> String {
        self.who().map_or_else(|| self.text.clone(), |who| format!("{who} {}", self.text))
    }
}

/// The actions that have happened, although their outcome is not good.
const TELLS: [&str; 6] =
    ["login_failed", "refresh_reuse", "odd_message", "events_dropped", "rules_dropped", "receipt"];

/// Returns the name of an entry's actor, and what the actor is.
pub fn actor(entry: &AuditEntry) -> (String, Option<&'static str>) {
    match &entry.actor_name {
        Some(name) => (name.clone(), Some(token_kind(entry.actor_kind.as_deref()))),
        None => nameless(&entry.actor),
    }
}

/// Returns the words for an actor whose name is not stored, and what the actor is.
pub fn nameless(actor: &str) -> (String, Option<&'static str>) {
    if let Some(device) = actor.strip_prefix("device:") {
        return (title(device), Some("device"));
    }
    if let Some(rule) = actor.strip_prefix("rule:") {
        return (title(rule), Some("rule"));
    }
    if let Some(jti) = actor.strip_prefix(TOKEN_SUBJECT_PREFIX) {
        return (format!("Token {}", short(jti)), None);
    }
    if actor.starts_with("site:") {
        return ("Pinlatch".into(), None);
    }
    (actor.into(), None)
}

/// Returns the words for a kind of token.
pub fn token_kind(kind: Option<&str>) -> &'static str {
    match kind {
        Some("guest") => "guest link",
        Some("api") => "API token",
        _ => "token",
    }
}

fn short(id: &str) -> String {
    if id.chars().count() <= SHORT_ID {
        return id.into();
    }
    id.chars().take(SHORT_ID).chain(['…']).collect()
}

/// Describes the action of an entry, without its actor.
fn action(entry: &AuditEntry, tense: Tense) -> String {
    let target = entry.target.as_str();
    let own = target == entry.actor;
    let whose = |thing: &str| if own { format!("their {thing}") } else { format!("the {thing} of {target}") };
    let of = |infinitive, past| tense.of(infinitive, past);
    match entry.act.as_str() {
        "command" | "rule" => {
            command(entry, tense).unwrap_or_else(|| format!("{} {target}", of("send", "sent")))
        }
        "login" => of("log in", "logged in").into(),
        "login_failed" => {
            let logins = if entry.outcome == "1" { "failed login" } else { "failed logins" };
            let names = if target == "unknown names" { "unknown user names" } else { target };
            format!("{} {logins} for {names}", entry.outcome)
        }
        "logout" => of("log out", "logged out").into(),
        "refresh_reuse" => "used a refresh token again".into(),
        "setup" => of("set up the site", "set up the site").into(),
        "invite" => format!("{} {target}", of("invite", "invited")),
        "accept_invitation" => of("accept the invitation", "accepted the invitation").into(),
        "invitation_withdrawal" => {
            format!("{} the invitation of {target}", of("withdraw", "withdrew"))
        }
        "person_removal" if entry.outcome == "invitation_withdrawn" => {
            format!("withdrew the invitation of {target}")
        }
        "person_removal" => format!("{} {target}", of("remove", "removed")),
        "rights" if tense == Tense::Past => match entry.outcome.as_str() {
            "owner" | "operator" => format!("made {target} an {}", entry.outcome),
            "viewer" => format!("made {target} a viewer"),
            _ => format!("gave {target} chosen rights"),
        },
        "rights" => format!("change the rights of {target}"),
        "end_session" => format!("{} a login of {target}", of("end", "ended")),
        "end_sessions" => format!("{} all logins of {target}", of("end", "ended")),
        "proof" => format!("{} their identity", of("confirm", "confirmed")),
        "password" => format!("{} {}", of("change", "changed"), whose("password")),
        "account_secured" => format!("{} {}", of("secure", "secured"), whose("account")),
        "admit" => format!("let {target} log in with a provider"),
        "identities_removal" => format!("{} the login providers of {target}", of("remove", "removed")),
        "mint" => made(entry, tense),
        "revoke" => format!("{} {}", of("revoke", "revoked"), token(entry)),
        "generation" => format!("{} all logins, tokens and links", of("end", "ended")),
        "enrolment" => format!("{} an enrolment string for {}", of("make", "made"), title(target)),
        "enrolment_withdrawal" => {
            format!("{} the enrolment string for {}", of("withdraw", "withdrew"), title(target))
        }
        "enrol" => "was enrolled".into(),
        "renewal" => of("renew its certificate", "renewed its certificate").into(),
        "receipt" => format!("sent the receipt of a command late ({target})"),
        "device_confirmation" => format!("{} the key of {}", of("confirm", "confirmed"), title(target)),
        "device_removal" => format!("{} the device {}", of("remove", "removed"), title(target)),
        "odd_message" => "sent an unexpected message".into(),
        "events_dropped" => "sent too many events".into(),
        "rules_dropped" => format!("Reports about rules of {} are missing", title(target)),
        "retention" => match entry.outcome.strip_suffix("_days") {
            Some("1") => "set the log to be kept for 1 day".into(),
            Some(days) => format!("set the log to be kept for {days} days"),
            None => "change how long the log is kept".into(),
        },
        "audit" => of("read the log", "read the log").into(),
        "users" => of("list the people", "listed the people").into(),
        "tokens" => of("list the tokens and links", "listed the tokens and links").into(),
        "devices" => of("manage the devices", "managed the devices").into(),
        "enrolments" => of("list the enrolment strings", "listed the enrolment strings").into(),
        "invitations" => of("list the invitations", "listed the invitations").into(),
        other => format!("{}: {} {target}", of("do", "did"), other.replace('_', " ")),
    }
}

/// Describes a made token. The outcome of the entry is the kind of the token.
fn made(entry: &AuditEntry, tense: Tense) -> String {
    let make = tense.of("make", "made");
    match &entry.target_name {
        Some(_) => format!("{make} {}", token(entry)),
        None if tense == Tense::Infinitive => format!("{make} a token or link"),
        None => format!("{make} the {} {}", token_kind(Some(&entry.outcome)), short(&entry.target)),
    }
}

/// Names the token that was made or revoked.
fn token(entry: &AuditEntry) -> String {
    match &entry.target_name {
        Some(name) => format!("the {} {name}", token_kind(entry.target_kind.as_deref())),
        None => format!("the token {}", short(&entry.target)),
    }
}

/// Describes the command or the action of a rule of an entry. An entry of the first version has no arguments.
fn command(entry: &AuditEntry, tense: Tense) -> Option<String> {
    let (place, name) = entry.target.split_once(':')?;
    let (device, line) = place.split_once('/')?;
    let named = format!("{} ({})", title(line), title(device));
    let again = if entry.actor == "site:reconcile" { " again" } else { "" };
    let text = match known_action(entry, name) {
        Some((kind, action)) if tense == Tense::Past => wording::done(kind, line, &named, &action),
        Some((kind, action)) => wording::attempted(kind, line, &named, &action),
        None => match name {
            "pulse" => format!("{} {named}", wording::press(line, tense)),
            "blink" => format!("let {named} blink"),
            "set" => format!("set {named}"),
            "toggle" => format!("{} {named}", tense.of("toggle", "toggled")),
            other => format!("{} {other} to {named}", tense.of("send", "sent")),
        },
    };
    Some(format!("{text}{again}"))
}

fn known_action(entry: &AuditEntry, name: &str) -> Option<(LineKind, Action)> {
    let kind = LineKind::from_word(entry.line_kind.as_deref()?)?;
    let args = serde_json::from_str(entry.args.as_deref()?).ok()?;
    Some((kind, Action::parse(kind, name, &args).ok()?))
}
