//! From when and until when a token is good, and how it stands.

#[cfg(test)]
mod tests;

use pinlatch_protocol::admin::{MAX_TOKEN_LIFE, MAX_TOKEN_NAME, MAX_USES, TokenView};

/// How long, as people choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// Thirty days.
    Month,
    /// A year.
    Year,
    /// Until a date.
    Date,
}

impl Length {
    /// Every choice, in order.
    pub const ALL: [Self; 6] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year, Self::Date];

    /// Its name in a form.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Date => "date",
        }
    }

    /// The choice of a name.
    pub fn of_mark(mark: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|length| length.mark() == mark)
    }

    /// The seconds, where they do not depend on a date.
    pub fn seconds(self) -> Option<u64> {
        const DAY: u64 = 86_400;
        match self {
            Self::Hour => Some(3_600),
            Self::Day => Some(DAY),
            Self::Week => Some(7 * DAY),
            Self::Month => Some(30 * DAY),
            Self::Year => Some(365 * DAY),
            Self::Date => None,
        }
    }
}

/// What is wrong with a token that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has no name.
    NoName,
    /// Its name is too long, or has a control character.
    BadName,
    /// Its beginning is no date.
    BadStart,
    /// It begins more than a year and a day ahead.
    LateStart,
    /// Its end is no date.
    BadEnd,
    /// It ends before it begins, or has ended.
    EndsFirst,
    /// It is good for more than a year and a day.
    TooLong,
    /// Its number of uses is none.
    BadUses,
}

/// The window of a token: `not_before` where one is given, and `expires_at`, in seconds of Unix time.
pub type Window = (Option<u64>, u64);

/// The window that is chosen. The edge looks at it again.
pub fn window(now: u64, start: Option<u64>, length: Length, end: Option<u64>) -> Result<Window, Fault> {
    let begin = start.unwrap_or(now).max(now);
    if begin - now > MAX_TOKEN_LIFE {
        return Err(Fault::LateStart);
    }
    let end = match length.seconds() {
        Some(seconds) => begin.saturating_add(seconds),
        None => end.ok_or(Fault::BadEnd)?,
    };
    if end <= begin {
        return Err(Fault::EndsFirst);
    }
    if end - begin > MAX_TOKEN_LIFE {
        return Err(Fault::TooLong);
    }
    Ok((start.filter(|start| *start > now), end))
}

/// A name that is given to a token.
pub fn name(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::NoName);
    }
    if text.chars().count() > MAX_TOKEN_NAME || text.chars().any(char::is_control) {
        return Err(Fault::BadName);
    }
    Ok(text.into())
}

/// A number of uses; nothing for any.
pub fn uses(text: &str) -> Result<Option<u32>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number| (1..=MAX_USES).contains(number));
    number.map(Some).ok_or(Fault::BadUses)
}

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// It is good.
    Good,
    /// It begins later.
    Early,
    /// It has ended.
    Expired,
    /// It was used as often as it may be.
    UsedUp,
    /// It was revoked.
    Revoked,
}

impl TokenStatus {
    /// Of a token at a time, milliseconds of Unix time.
    pub fn of(token: &TokenView, now_ms: u64) -> Self {
        if token.revoked_ms.is_some() {
            Self::Revoked
        } else if token.expires_at.saturating_mul(1_000) <= now_ms {
            Self::Expired
        } else if token.max_uses.is_some_and(|most| token.uses >= most) {
            Self::UsedUp
        } else if token.not_before.saturating_mul(1_000) > now_ms {
            Self::Early
        } else {
            Self::Good
        }
    }

    /// Whether it may still open something, now or later.
    pub fn lives(self) -> bool {
        matches!(self, Self::Good | Self::Early)
    }

    /// Its name as tests and style sheets read it.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Early => "early",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::Revoked => "revoked",
        }
    }
}
