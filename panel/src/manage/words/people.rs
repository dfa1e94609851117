//! Texts of the page about people.

use pinlatch_protocol::admin::IdentityRule;

use super::count;
use crate::words::ago;

pub const INVITE: &str = "Invite a person";
pub const NAME: &str = "User name";
pub const NAME_HINT: &str =
    "Use letters, digits, - _ . @ and +. Upper-case letters are converted to lower case.";
pub const INVITE_GO: &str = "Create invitation";
pub const INVITE_HOW: &str = "Send this link only to this person, because anyone with the link can choose the password. The link works only once and expires after 7 days.";
pub const RIGHTS: &str = "Permissions";
pub const OWN: &str = "Custom permissions";
pub const OWN_TEXT: &str = "You choose the permissions for each line.";
pub const CHANGE: &str = "Change permissions";
pub const CHANGE_GO: &str = "Save";
pub const CHANGE_TEXT: &str = "The change takes effect immediately, also in open sessions.";
pub const RESET: &str = "Reset password";
pub const RESET_GO: &str = "Create link";
pub const RESET_TEXT: &str = "You get a link with which this person can choose a new password. The link works only once and expires after 7 days. The current password is valid until the link is used. Using the link ends the person's other sessions.";
pub const END: &str = "End sessions";
pub const END_GO: &str = "End sessions";
pub const END_TEXT: &str = "Every browser and program that is signed in as this person must sign in again. The password does not change.";
pub const REMOVE: &str = "Remove";
pub const REMOVE_TEXT: &str =
    "All sessions of this person end. API tokens and guest links that this person created stop working.";
/// The label of the action that withdraws an invitation before the person has accepted the invitation.
pub const WITHDRAW: &str = "Withdraw invitation";
pub const WITHDRAW_TEXT: &str = "Enter the user name of a person who has not accepted the invitation yet. The invitation then stops working.";
pub const ALREADY_THERE: &str = "A person with this user name already exists.";
pub const LAST_OWNER: &str =
    "This person is the last owner. Make another person an owner before you change or remove this person.";
/// Marks the signed-in person in the list of people.
pub const YOU: &str = "you";
pub const IDENTITIES: &str = "Sign-in providers";
pub const ADMIT: &str = "Add sign-in provider";
pub const ADMIT_GO: &str = "Add";
pub const ADMIT_TEXT: &str =
    "This person can then sign in without a password, through one of the configured sign-in providers.";
pub const ISSUER: &str = "Issuer";
pub const ISSUER_HINT: &str = "Enter the provider's issuer (iss), for example https://accounts.example.";
pub const EMAIL: &str = "E-mail address";
pub const EMAIL_HINT: &str = "The provider must have verified this e-mail address.";
pub const SUBJECT: &str = "Subject";
pub const SUBJECT_HINT: &str =
    "If you do not enter an e-mail address, enter the person's user id at the provider (sub).";
pub const IDENTITY_MISSING: &str = "Enter the issuer, and an e-mail address or a subject.";
pub const FORGET: &str = "Remove sign-in providers";
pub const FORGET_TEXT: &str =
    "This person can no longer sign in with a sign-in provider. All sessions of this person end.";
pub const PASSWORD: &str = "Change my password";
pub const PASSWORD_NOW: &str = "Current password";
pub const PASSWORD_NEW: &str = "New password";
pub const PASSWORD_HINT: &str = "Use at least 8 characters.";
pub const PASSWORD_SHORT: &str = "The password must have 8 to 256 characters.";
pub const PASSWORD_TEXT: &str = "Your other sessions end when you change your password.";
pub const PASSWORD_DONE: &str = "Your password has been changed.";
pub const PASSWORD_WRONG: &str = "The current password is wrong. Try again.";

/// Describes a person: the number of open sessions, and the time since the person joined.
pub fn card(logins: u32, here_ms: u64) -> String {
    format!("{} · joined {}", sessions(logins), ago(here_ms))
}

pub fn sessions(number: u32) -> String {
    match number {
        0 => "not signed in".into(),
        _ => count(u64::from(number), "open session", "open sessions"),
    }
}

/// Describes the identity of a person at a sign-in provider.
pub fn identity(rule: &IdentityRule) -> String {
    let who = match (&rule.email, &rule.subject) {
        (Some(email), Some(subject)) => format!("{email} ({subject})"),
        (Some(email), None) => format!("{email}, not signed in yet"),
        (None, Some(subject)) => subject.clone(),
        (None, None) => String::new(),
    };
    format!("{who} at {}", rule.issuer)
}
