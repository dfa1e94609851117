//! Texts for guests: the validity of their link, and the reason if it does not work.

#[cfg(test)]
mod tests;

use pinlatch_protocol::problem::{Code, Problem};

/// On the page for a link that gives no access, before the link to sign-in.
pub const HAVE_ACCOUNT: &str = "Do you have an account on this site? ";
/// Accessible name of the bar at the top of a guest's page.
pub const ACCESS: &str = "Guest access";
pub const GUEST: &str = "Guest";
pub const LEAVE: &str = "Leave";
pub const NOT_LEFT: &str = "The link is still open in this browser: Pinlatch cannot be reached. Try again.";

/// The remaining time is counted down in the last hour.
const LAST_MS: u64 = 3_600_000;

/// Announced to screen readers when this much time, in milliseconds, is left.
const WARNINGS: [(u64, &str); 2] =
    [(60_000, "Your link expires in one minute."), (600_000, "Your link expires in ten minutes.")];

/// Why a guest link gives no access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// Access ended during the visit, or this browser has no open link.
    Ended,
    /// The guest pressed Leave.
    Left,
    /// The link becomes valid at this time, seconds of Unix time.
    NotYet(u64),
    UsedUp,
    /// With the reason, if the edge gave one.
    NotValid(Option<String>),
    /// The edge refused the request before it checked the link.
    Refused(Problem),
}

impl Closed {
    /// From the edge's answer to a link.
    pub fn of(problem: Problem) -> Self {
        if problem.is(Code::UsedUp) {
            Self::UsedUp
        } else if problem.is(Code::LinkNotValid) || problem.is(Code::InvalidToken) {
            match problem.detail.as_deref().and_then(beginning) {
                Some(from) => Self::NotYet(from),
                None => Self::NotValid(problem.detail),
            }
        } else {
            Self::Refused(problem)
        }
    }

    /// The value of `data-reason`.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Left => "left",
            Self::NotYet(_) => "not-yet",
            Self::UsedUp => "used-up",
            Self::NotValid(_) => "not-valid",
            Self::Refused(_) => "refused",
        }
    }

    pub fn heading(&self) -> &'static str {
        match self {
            Self::Ended => "Your access has ended",
            Self::Left => "You have left",
            Self::NotYet(_) => "This link is not valid yet",
            Self::UsedUp => "This link has been used up",
            Self::NotValid(_) => "This link is not valid",
            Self::Refused(_) => "This link cannot be opened",
        }
    }

    /// Explanation and next step. `moment` formats a time, seconds of Unix time.
    pub fn text(&self, moment: impl Fn(u64) -> String) -> String {
        match self {
            Self::Ended => {
                "The link has expired or was revoked. If you think it is still valid, open it again from where \
                 you received it. Otherwise ask the sender for a new link."
                    .into()
            }
            Self::Left => "This browser has deleted the link. To return, open the link again.".into(),
            Self::NotYet(from) => {
                format!("It is valid from {}. Open it again then.", moment(*from))
            }
            Self::UsedUp => {
                "The link allowed a limited number of commands, and all of them have been used. Ask the sender for a \
                 new link."
                    .into()
            }
            Self::NotValid(Some(why)) => {
                format!("{}. Ask the sender for a new link.", super::title(why))
            }
            Self::NotValid(None) => {
                "The link may be incomplete. Open it again from where you received it. If it still does not work, \
                 ask the sender for a new link."
                    .into()
            }
            Self::Refused(problem) => super::login_problem(problem),
        }
    }
}

/// The start time, seconds of Unix time, from the edge's message about a link that is not valid yet.
fn beginning(detail: &str) -> Option<u64> {
    detail.strip_prefix("the link is valid from ")?.strip_suffix(" on")?.parse().ok()
}

/// The validity of a link. `from` is known only in the tab that opened the link.
pub fn window(from: Option<String>, until: String) -> String {
    match from {
        Some(from) => format!("Valid until {until}, since {from}"),
        None => format!("Valid until {until}"),
    }
}

/// The remaining time: `59:59 left`. `None` before the last hour.
pub fn countdown(left_ms: u64) -> Option<String> {
    let seconds = left_ms / 1_000;
    match left_ms {
        0..1_000 => Some("ending now".into()),
        1_000..=LAST_MS => Some(format!("{}:{:02} left", seconds / 60, seconds % 60)),
        _ => None,
    }
}

/// The announcement that is due when the remaining time drops from `before_ms` to `left_ms`.
pub fn warning(before_ms: u64, left_ms: u64) -> Option<&'static str> {
    let crossed = |at: u64| before_ms > at && left_ms <= at && left_ms > 0;
    WARNINGS.iter().find(|(at, _)| crossed(*at)).map(|(_, text)| *text)
}
