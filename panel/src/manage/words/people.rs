//! The words of the page of people.

use pinlatch_protocol::admin::IdentityRule;

use super::count;
use crate::words::ago;

/// Begins an invitation.
pub const INVITE: &str = "Invite somebody";
/// Asks for a user name.
pub const NAME: &str = "User name";
/// What a user name may be.
pub const NAME_HINT: &str = "Letters, digits, - _ . @ and +. Upper case counts as lower case.";
/// Makes the invitation.
pub const INVITE_GO: &str = "Make an invitation";
/// What is done with an invitation.
pub const INVITE_HOW: &str = "Give this link to them, and to nobody else: whoever opens it chooses the password. It is good once, for 7 days.";
/// Asks for rights.
pub const RIGHTS: &str = "What they may do";
/// Rights of one's own.
pub const OWN: &str = "Own rights";
/// What they are.
pub const OWN_TEXT: &str = "Chosen line by line.";
/// Begins a change of rights.
pub const CHANGE: &str = "Change rights";
/// Does it.
pub const CHANGE_GO: &str = "Save";
/// What it does.
pub const CHANGE_TEXT: &str = "It counts at once, also where they are logged in now.";
/// Begins a reset.
pub const RESET: &str = "New password";
/// Does it.
pub const RESET_GO: &str = "Make a link";
/// What it does.
pub const RESET_TEXT: &str = "You get a link with which they choose a new password, good once, for 7 days. Until they do, nothing changes; then their other logins end.";
/// Begins the end of logins.
pub const END: &str = "End logins";
/// Does it.
pub const END_GO: &str = "End them";
/// What it does.
pub const END_TEXT: &str =
    "Every browser and program that is logged in as them has to log in again. Their password stays.";
/// Begins a removal.
pub const REMOVE: &str = "Remove";
/// What it does.
pub const REMOVE_TEXT: &str = "Their logins end, and so do the API tokens and guest links that they made.";
/// The same of an invitation that nobody has used.
pub const WITHDRAW: &str = "Withdraw an invitation";
/// What it does.
pub const WITHDRAW_TEXT: &str = "The invitation of somebody who has not joined yet opens nothing any more.";
/// Where a name is somebody's who is there.
pub const ALREADY_THERE: &str = "Somebody of this name is here already.";
/// Why the last owner stays.
pub const LAST_OWNER: &str = "The last owner: make somebody else an owner before you change this.";
/// Marks oneself.
pub const YOU: &str = "you";
/// The heading of identities.
pub const IDENTITIES: &str = "Login providers";
/// Begins an identity.
pub const ADMIT: &str = "Add a login";
/// Does it.
pub const ADMIT_GO: &str = "Add";
/// What it does.
pub const ADMIT_TEXT: &str =
    "They can then log in with a provider that this deployment knows, without a password here.";
/// Asks for the provider.
pub const ISSUER: &str = "Provider's issuer";
/// What that is.
pub const ISSUER_HINT: &str = "Its address as in its tokens, like https://accounts.example.";
/// Asks for the address.
pub const EMAIL: &str = "E-mail address";
/// What counts.
pub const EMAIL_HINT: &str = "The provider has to say that it has verified it.";
/// Asks for the subject.
pub const SUBJECT: &str = "Subject";
/// What that is.
pub const SUBJECT_HINT: &str = "The provider's own name for them, in place of an address.";
/// Where both are missing.
pub const IDENTITY_MISSING: &str = "Give the issuer, and an address or a subject.";
/// Begins the end of identities.
pub const FORGET: &str = "Remove all logins";
/// What it does.
pub const FORGET_TEXT: &str = "They cannot log in with a provider any more, and all of their logins end.";
/// Begins a change of one's own password.
pub const PASSWORD: &str = "Change my password";
/// Asks for it.
pub const PASSWORD_NOW: &str = "Password so far";
/// Asks for the new one.
pub const PASSWORD_NEW: &str = "New password";
/// What a password is.
pub const PASSWORD_HINT: &str = "8 characters at least.";
/// Where it is shorter.
pub const PASSWORD_SHORT: &str = "A password has 8 to 256 characters.";
/// What happens.
pub const PASSWORD_TEXT: &str = "Your other logins end.";
/// It was done.
pub const PASSWORD_DONE: &str = "Your password is changed.";
/// Where the old one is wrong.
pub const PASSWORD_WRONG: &str = "The password so far is wrong.";

/// A person in a list: how many logins are open, and since when they are here.
pub fn card(logins: u32, here_ms: u64) -> String {
    format!("{} · joined {}", sessions(logins), ago(here_ms))
}

/// How many logins are open.
pub fn sessions(number: u32) -> String {
    match number {
        0 => "not logged in".into(),
        _ => count(u64::from(number), "open login", "open logins"),
    }
}

/// Who somebody is at a provider.
pub fn identity(rule: &IdentityRule) -> String {
    let who = match (&rule.email, &rule.subject) {
        (Some(email), Some(subject)) => format!("{email} ({subject})"),
        (Some(email), None) => format!("{email}, not logged in yet"),
        (None, Some(subject)) => subject.clone(),
        (None, None) => String::new(),
    };
    format!("{who} at {}", rule.issuer)
}
