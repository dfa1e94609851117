//! Texts of the page about people.

use pinlatch_protocol::admin::IdentityRule;
use pinlatch_protocol::name::{NameError, UserName};

use super::activity::actor;
use super::count;
use crate::words::ago;

pub const INVITE: &str = "Invite a person";
pub const NAME: &str = "User name";
pub const NAME_HINT: &str =
    "Use letters, digits, - _ . @ and +. Upper-case letters are converted to lower case.";
pub const INVITE_GO: &str = "Create invitation";
/// The accessible name of the link.
pub const INVITE_LINK: &str = "Invitation link";
pub const NAME_MISSING: &str = "Type a user name.";
pub const RIGHTS: &str = "Permissions";
pub const OWN: &str = "Custom";
pub const OWN_TEXT: &str = "You choose the permissions for each line.";
pub const CHANGE: &str = "Change permissions";
pub const CHANGE_GO: &str = "Save";
pub const CHANGE_TEXT: &str = "The change takes effect immediately, also in open sessions.";
pub const RESET: &str = "Reset password";
pub const RESET_GO: &str = "Create link";
pub const RESET_TEXT: &str = "You get a link with which this person can choose a new password. The link works only once and expires after 7 days. The current password is valid until the link is used. Using the link ends the person's other sessions.";
pub const END: &str = "End sessions";
pub const END_GO: &str = "End all sessions";
pub const END_TEXT: &str =
    "A browser or program whose session you end must log in again. The password does not change.";
pub const REMOVE: &str = "Remove";
pub const REMOVE_TEXT: &str =
    "All sessions of this person end. API tokens and guest links that this person created stop working.";
pub const INVITATIONS: &str = "Open invitations";
pub const WITHDRAW: &str = "Withdraw";
pub const WITHDRAWN: &str = "The invitation was withdrawn. Its link no longer works.";
/// Marks an invitation with which an existing person chooses a new password.
pub const NEW_PASSWORD: &str = "New password";
pub const ALREADY_THERE: &str = "A person with this user name already exists.";
pub const LAST_OWNER: &str =
    "This person is the last owner. Make another person an owner before you change or remove this person.";
/// Marks the logged-in person in the list of people.
pub const YOU: &str = "you";
pub const IDENTITIES: &str = "Login providers";
pub const ADMIT: &str = "Log in with a provider too";
pub const ADMIT_GO: &str = "Add";
pub const ADMIT_TEXT: &str =
    "This person can then log in without a password, through one of the configured login providers.";
pub const ISSUER: &str = "Issuer";
pub const ISSUER_HINT: &str = "Enter the provider's issuer (iss), for example https://accounts.example.";
pub const EMAIL: &str = "E-mail address";
pub const EMAIL_HINT: &str = "The provider must have verified this e-mail address.";
pub const SUBJECT: &str = "Subject";
pub const SUBJECT_HINT: &str =
    "If you do not enter an e-mail address, enter the person's user id at the provider (sub).";
pub const IDENTITY_MISSING: &str = "Enter the issuer, and an e-mail address or a subject.";
pub const FORGET: &str = "Remove login providers";
pub const FORGET_TEXT: &str =
    "This person can no longer log in with a login provider. All sessions of this person end.";

/// `until` is a formatted time.
pub fn invite_how(name: &UserName, until: &str) -> String {
    format!(
        "Send this link only to {name}, because anyone with the link can choose the password. It works once, until {until}."
    )
}

/// Returns a valid user name for a text that is not a valid user name.
pub fn suggested(text: &str) -> Option<String> {
    let is_wanted = !text.is_empty() && UserName::new(text).is_err();
    is_wanted.then(|| UserName::resembling(text)).flatten().map(String::from)
}

pub fn bad_name(text: &str, wrong: &NameError) -> String {
    match (wrong, suggested(text)) {
        (NameError::Empty, _) => NAME_MISSING.into(),
        (_, Some(name)) => {
            format!("A user name contains only a–z, 0–9, - _ . @ and +, for example “{name}”.")
        }
        (wrong, None) => format!("Check the user name: {wrong}."),
    }
}

/// Describes a person: the number of open sessions, the time since the person joined, and who added the person.
pub fn card(logins: u32, here_ms: u64, added_by: Option<&str>) -> String {
    let joined = format!("{} · joined {}", sessions(logins), ago(here_ms));
    match added_by {
        Some(name) => format!("{joined} · added by {}", actor(name)),
        None => joined,
    }
}

pub fn sessions(number: u32) -> String {
    match number {
        0 => "not logged in".into(),
        _ => count(u64::from(number), "open session", "open sessions"),
    }
}

/// Describes the identity of a person at a login provider.
pub fn identity(rule: &IdentityRule) -> String {
    let who = match (&rule.email, &rule.subject) {
        (Some(email), Some(subject)) => format!("{email} ({subject})"),
        (Some(email), None) => format!("{email}, not logged in yet"),
        (None, Some(subject)) => subject.clone(),
        (None, None) => String::new(),
    };
    format!("{who} at {}", rule.issuer)
}
