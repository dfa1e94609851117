//! What the panel says to guests: until when their link is valid, and why it opens nothing (any more).

#[cfg(test)]
mod tests;

use pinlatch_protocol::problem::{Code, Problem};

/// From here on the time that is left is counted down.
const LAST_MS: u64 = 3_600_000;

/// What is said aloud when so much time is left.
const WARNINGS: [(u64, &str); 2] =
    [(60_000, "Your link ends in one minute."), (600_000, "Your link ends in ten minutes.")];

/// Why a guest's page shows nothing of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// It did until now, or this browser has no link open.
    Ended,
    /// The guest left.
    Left,
    /// The link begins at this time, seconds of Unix time.
    NotYet(u64),
    /// All its uses are used.
    UsedUp,
    /// It does not open anything: why, as far as the edge says.
    NotValid(Option<String>),
    /// The edge would not look at it.
    Refused(Problem),
}

impl Closed {
    /// Why the edge refused to open a link.
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

    /// The reason as tests read it.
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

    /// The heading.
    pub fn heading(&self) -> &'static str {
        match self {
            Self::Ended => "This link has ended",
            Self::Left => "You have left",
            Self::NotYet(_) => "This link is not valid yet",
            Self::UsedUp => "This link is used up",
            Self::NotValid(_) => "This link is not valid",
            Self::Refused(_) => "This link cannot be opened",
        }
    }

    /// What happened, and what to do. `moment` tells a time, seconds of Unix time, in words.
    pub fn text(&self, moment: impl Fn(u64) -> String) -> String {
        match self {
            Self::Ended => {
                "Its time is over, or it was taken back. If you think that it still holds, open it \
                            again where you found it; otherwise ask whoever sent it for a new one."
                    .into()
            }
            Self::Left => "This browser has forgotten the link. To come back, open it again.".into(),
            Self::NotYet(from) => {
                format!("It is valid from {} on. Open it again then.", moment(*from))
            }
            Self::UsedUp => {
                "It was good for so many uses, and all of them are used. Ask whoever sent it for a \
                             new one."
                    .into()
            }
            Self::NotValid(Some(why)) => {
                format!("{}. Ask whoever sent it for a new one.", super::title(why))
            }
            Self::NotValid(None) => {
                "Perhaps it was not copied whole: open it again where you found it. If that \
                                     does not help, ask whoever sent it for a new one."
                    .into()
            }
            Self::Refused(problem) => super::login_problem(problem),
        }
    }
}

/// The time, seconds of Unix time, in the edge's words about a link that has not begun.
fn beginning(detail: &str) -> Option<u64> {
    detail.strip_prefix("the link is valid from ")?.strip_suffix(" on")?.parse().ok()
}

/// When a link is valid, as far as that is known here.
pub fn window(from: Option<String>, until: String) -> String {
    match from {
        Some(from) => format!("Valid until {until}, since {from}"),
        None => format!("Valid until {until}"),
    }
}

/// The time that is left, once it is short: `59:59 left`.
pub fn countdown(left_ms: u64) -> Option<String> {
    let seconds = left_ms / 1_000;
    match left_ms {
        0..1_000 => Some("ending now".into()),
        1_000..=LAST_MS => Some(format!("{}:{:02} left", seconds / 60, seconds % 60)),
        _ => None,
    }
}

/// What is to be said aloud as the time that is left goes down from `before_ms`.
pub fn warning(before_ms: u64, left_ms: u64) -> Option<&'static str> {
    let crossed = |at: u64| before_ms > at && left_ms <= at && left_ms > 0;
    WARNINGS.iter().find(|(at, _)| crossed(*at)).map(|(_, text)| *text)
}
