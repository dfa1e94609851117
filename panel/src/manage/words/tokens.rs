//! Texts of the page of API tokens and guest links.

use pinlatch_protocol::admin::{TokenKind, TokenView};

use super::activity::actor;
use super::count;
use crate::manage::validity::{Fault, Length, TokenStatus};
use crate::words::ago;

pub const NEW_GUEST: &str = "New guest link";
pub const NEW_API: &str = "New API token";
pub const NONE: &str = "No API tokens or guest links yet.";
/// Shown if all entries have ended.
pub const NONE_LIVE: &str = "No API token or guest link is valid now.";
pub const ENDED: &str = "Ended in the last 7 days";
pub const NAME: &str = "Name";
pub const NAME_HINT: &str =
    "A note for yourself, for example “Courier on Friday”. The guest or program does not see it.";
pub const LENGTH: &str = "Valid for";
pub const END: &str = "Valid until";
pub const START: &str = "Valid from";
pub const START_HINT: &str = "Empty: immediately.";
pub const USES: &str = "Maximum number of commands";
pub const USES_HINT: &str = "Empty: no limit.";
pub const SCOPE: &str = "Permissions";
pub const GO: &str = "Create";
pub const GUEST_HOW: &str =
    "Send this link to your guest. Anyone who has the link can use it, in any number of browsers.";
pub const API_HOW: &str = "Configure your program to send this bearer token: Authorization: Bearer …";
pub const REVOKE: &str = "Revoke";
pub const REVOKE_TEXT: &str =
    "It stops working immediately, and so does everything that was created with it. This cannot be undone.";
pub const NEVER: &str = "not used yet";
/// Shown in place of the button to revoke.
pub const NOT_YOURS: &str = "You cannot revoke this, because it has permissions that you do not have.";

pub fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Api => "API token",
        TokenKind::Guest => "Guest link",
    }
}

pub fn length(length: Length) -> &'static str {
    match length {
        Length::Hour => "1 hour",
        Length::Day => "1 day",
        Length::Week => "1 week",
        Length::Month => "30 days",
        Length::Year => "1 year",
        Length::Date => "Until a date…",
    }
}

pub fn status(status: TokenStatus) -> &'static str {
    match status {
        TokenStatus::Good => "Valid",
        TokenStatus::Early => "Not valid yet",
        TokenStatus::Expired => "Expired",
        TokenStatus::UsedUp => "Used up",
        TokenStatus::Revoked => "Revoked",
    }
}

/// The validity of a token: start and end.
pub fn window(from: &str, until: &str) -> String {
    format!("{from} – {until}")
}

/// `None` if the number of commands is not limited.
pub fn uses(token: &TokenView) -> Option<String> {
    let most = token.max_uses?;
    Some(format!("{} of {} used", token.uses, count(u64::from(most), "command", "commands")))
}

/// Facts of a token in the list: uses, last use, creator and age.
pub fn card(token: &TokenView, now_ms: u64) -> String {
    let since = |at: u64| ago(now_ms.saturating_sub(at));
    let used = token.last_used_ms.map_or_else(|| NEVER.to_owned(), |at| format!("last used {}", since(at)));
    let made = format!("created by {} {}", actor(&token.creator), since(token.created_ms));
    uses(token).into_iter().chain([used, made]).collect::<Vec<_>>().join(" · ")
}

pub fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::NoName => "Enter a name.",
        Fault::BadName => {
            "The name has more than 64 characters, or contains control characters. Choose another name."
        }
        Fault::BadStart => "Enter a valid start date.",
        Fault::LateStart => "The start date must be within a year and a day from now.",
        Fault::BadEnd => "Enter a valid end date.",
        Fault::EndsFirst => "The end must be in the future and after the start.",
        Fault::TooLong => "The validity must not exceed a year and a day.",
        Fault::BadUses => "Enter a number of commands from 1 to 1000000, or leave the field empty.",
    }
}
