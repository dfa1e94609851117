//! Texts of the page about API tokens and guest links.

use pinlatch_protocol::admin::{TokenKind, TokenView};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::scope::{Scope, ScopeSet};

use super::activity::actor;
use super::count;
use crate::manage::validity::{Fault, Length, TokenStatus};
use crate::words::ago;

pub const NEW_GUEST: &str = "New guest link";
pub const NEW_API: &str = "New API token";
pub const NONE: &str = "No API tokens or guest links exist yet.";
/// This text is shown if no API token or guest link is valid now, but some ended in the last 7 days.
pub const NONE_LIVE: &str = "No API token or guest link is valid now.";
pub const ENDED: &str = "Ended in the last 7 days";
pub const NAME_HINT: &str = "This is a note for yourself, for example “Courier on Friday”. The guest or program does not see the note.";
pub const LENGTH: &str = "Valid for";
pub const END: &str = "Valid until";
pub const START: &str = "Valid from";
pub const START_HINT: &str = "Leave empty to start immediately.";
pub const USES: &str = "Maximum number of commands";
pub const USES_HINT: &str = "Leave empty for no limit.";
pub const SCOPE: &str = "Permissions";
pub const GO: &str = "Create";
pub const API_HOW: &str = "Your program sends this token in the HTTP header “Authorization: Bearer …”.";
/// The accessible name of the command that tries a new API token.
pub const EXAMPLE: &str = "Command that tries the token";
pub const EXAMPLE_HOW: &str = "To try the token, run this command, then paste the token and press Enter. The token is not stored in the history of the shell.";
pub const REVOKE: &str = "Revoke";
pub const REVOKE_TEXT: &str = "The token or link stops working immediately. All tokens and links that were created with it also stop working. You cannot undo this action.";
pub const NEVER: &str = "no command yet";
pub const STOP: &str = "Emergency stop";
/// This text is shown on the page.
pub const STOP_WHEN: &str = "Use this if you do not know which session, token or link was stolen.";
/// This text is shown in the dialog.
pub const STOP_TEXT: &str = "All sessions of this site end, also your own session. All API tokens, guest links, invitations and enrolment strings stop working. People, their permissions, their passwords, their login providers and the enrolled devices stay. Everyone must log in again. You cannot undo this action. Afterwards, check the list of people, and reset the password of anyone whose password another person may know.";
pub const STOP_GO: &str = "End everything";
/// This text is shown in place of the button that revokes the token or link.
pub const NOT_YOURS: &str =
    "This token or link has permissions that you do not have, so you cannot revoke the token or link.";

pub fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Api => "API token",
        TokenKind::Guest => "Guest link",
    }
}

/// Returns the label of the field for the name.
pub fn name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Api => "Name of the token",
        TokenKind::Guest => "Name of the link",
    }
}

/// Explains how a guest uses a link. `until` is a formatted time.
pub fn guest_how(max_uses: Option<u32>, until: &str) -> String {
    let uses = match max_uses {
        Some(1) => "once".into(),
        Some(most) => format!("for {most} commands"),
        None => "for any number of commands".into(),
    };
    format!(
        "Send this link to your guest. It works {uses}, until {until}. Anyone who has the link can use it."
    )
}

/// Returns a shell command that asks for an API token and tries it. The command only reads, so it moves nothing.
pub fn example(origin: &str, scope: &ScopeSet) -> String {
    let has_lines = scope.iter().any(|scope| matches!(scope, Scope::Line { .. }));
    let path = if has_lines { Endpoint::ListDevices.path() } else { Endpoint::Whoami.path() };
    format!("read -rs PINLATCH_TOKEN && curl -H \"Authorization: Bearer $PINLATCH_TOKEN\" {origin}{path}")
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

/// Formats the validity period of a token: its start and its end.
pub fn window(from: &str, until: &str) -> String {
    format!("{from} – {until}")
}

/// Describes how many of the allowed commands were used. Returns `None` if the number of commands is not limited.
pub fn uses(token: &TokenView) -> Option<String> {
    let most = token.max_uses?;
    Some(format!("{} of {} used", token.uses, count(u64::from(most), "command", "commands")))
}

/// Describes a token in the list: uses, last use, creator and age.
pub fn card(token: &TokenView, now_ms: u64) -> String {
    let since = |at: u64| ago(now_ms.saturating_sub(at));
    let used =
        token.last_used_ms.map_or_else(|| NEVER.to_owned(), |at| format!("last command {}", since(at)));
    let made = format!("created by {} {}", actor(&token.creator), since(token.created_ms));
    uses(token).into_iter().chain([used, made]).collect::<Vec<_>>().join(" · ")
}

pub fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::NoName => "Enter a name.",
        Fault::BadName => {
            "The name is longer than 64 characters or contains control characters. Choose another name."
        }
        Fault::BadStart => "Enter a valid start date.",
        Fault::LateStart => "The start date must be within a year and a day from now.",
        Fault::BadEnd => "Enter a valid end date.",
        Fault::EndsFirst => "The end date must be in the future and after the start date.",
        Fault::TooLong => {
            "A token or link can be valid for at most a year and a day. Choose an earlier end date."
        }
        Fault::BadUses => "Enter a number of commands from 1 to 1000000, or leave the field empty.",
    }
}
