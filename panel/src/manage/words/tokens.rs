//! The words of the page of API tokens and guest links.

use pinlatch_protocol::admin::{TokenKind, TokenView};

use super::activity::actor;
use super::count;
use crate::manage::validity::{Fault, Length, Standing};
use crate::words::ago;

/// Begins a guest link.
pub const NEW_GUEST: &str = "New guest link";
/// Begins an API token.
pub const NEW_API: &str = "New API token";
/// None at all.
pub const NONE: &str = "There is no API token and no guest link.";
/// None of one kind.
pub const NONE_LIVE: &str = "None is good now.";
/// The heading of those that have ended.
pub const ENDED: &str = "Ended in the last 7 days";
/// Asks for a name.
pub const NAME: &str = "What it is for";
/// What a name is.
pub const NAME_HINT: &str = "A note for yourself, like “Courier on Friday”. Whoever uses it does not see it.";
/// Asks for the end.
pub const LENGTH: &str = "Good for";
/// Asks for a date.
pub const END: &str = "Until";
/// Asks for the beginning.
pub const START: &str = "From";
/// What an empty one means.
pub const START_HINT: &str = "Empty: from now on.";
/// Asks for uses.
pub const USES: &str = "How many commands";
/// What an empty one means.
pub const USES_HINT: &str = "Empty: any number.";
/// Asks for scopes.
pub const SCOPE: &str = "What it allows";
/// Makes it.
pub const GO: &str = "Make it";
/// What is done with a guest link.
pub const GUEST_HOW: &str =
    "Send this link to your guest. Whoever has it can use it, in as many browsers as they like.";
/// What is done with an API token.
pub const API_HOW: &str = "Give this to the program as a bearer token: Authorization: Bearer …";
/// Begins a revocation.
pub const REVOKE: &str = "Revoke";
/// What it does.
pub const REVOKE_TEXT: &str = "It opens nothing any more, at once, and neither does anything that was made with it. This cannot be taken back.";
/// It was not used.
pub const NEVER: &str = "not used yet";
/// Why it cannot be revoked.
pub const NOT_YOURS: &str = "It allows more than you may, so it is not yours to revoke.";

/// What it is.
pub fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Api => "API token",
        TokenKind::Guest => "Guest link",
    }
}

/// A length of time to choose.
pub fn length(length: Length) -> &'static str {
    match length {
        Length::Hour => "1 hour",
        Length::Day => "1 day",
        Length::Week => "1 week",
        Length::Month => "30 days",
        Length::Year => "1 year",
        Length::Date => "Until a date …",
    }
}

/// How a token stands.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "Good",
        Standing::Early => "Not yet",
        Standing::Expired => "Expired",
        Standing::UsedUp => "Used up",
        Standing::Revoked => "Revoked",
    }
}

/// How often it was used.
pub fn uses(token: &TokenView) -> Option<String> {
    let most = token.max_uses?;
    Some(format!("{} of {} used", token.uses, count(u64::from(most), "command", "commands")))
}

/// A token in a list: how often and when it was used, by whom and when it was made.
pub fn card(token: &TokenView, now_ms: u64) -> String {
    let since = |at: u64| ago(now_ms.saturating_sub(at));
    let used = token.last_used_ms.map_or_else(|| NEVER.to_owned(), |at| format!("last used {}", since(at)));
    let made = format!("made by {} {}", actor(&token.creator), since(token.created_ms));
    uses(token).into_iter().chain([used, made]).collect::<Vec<_>>().join(" · ")
}

/// What is wrong with what was asked for.
pub fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::NoName => "Say what it is for.",
        Fault::BadName => "That note has more than 64 characters, or odd ones.",
        Fault::BadStart => "The beginning is no date.",
        Fault::LateStart => "It may begin a year and a day ahead at most.",
        Fault::BadEnd => "Choose a date for the end.",
        Fault::EndsFirst => "It would end before it begins.",
        Fault::TooLong => "It may be good for a year and a day at most.",
        Fault::BadUses => "The number of commands is 1 to 1000000, or nothing.",
    }
}
