//! The validity period and the status of API tokens and guest links.

#[cfg(test)]
mod tests;

use pinlatch_protocol::admin::{
    DEFAULT_API_LIFE, DEFAULT_GUEST_LIFE, DEFAULT_GUEST_USES, MAX_TOKEN_LIFE, MAX_TOKEN_NAME, MAX_USES,
    TokenKind, TokenView,
};

/// The choices for the length of the validity period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Hour,
    Day,
    Week,
    /// The token is valid for 30 days.
    Month,
    /// The token is valid for 365 days.
    Year,
    /// The token is valid until a given date.
    Date,
}

impl Length {
    /// All choices, in the order in which the form shows them.
    pub const ALL: [Self; 6] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year, Self::Date];

    /// Returns the value of the choice in the HTML form.
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

    pub fn of_mark(mark: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|length| length.mark() == mark)
    }

    /// Returns the choice that is selected when the form opens.
    pub fn first(kind: TokenKind) -> Self {
        let seconds = match kind {
            TokenKind::Api => DEFAULT_API_LIFE,
            TokenKind::Guest => DEFAULT_GUEST_LIFE,
        };
        Self::ALL.into_iter().find(|length| length.seconds() == Some(seconds)).unwrap_or(Self::Day)
    }

    /// Returns the length in seconds. Returns `None` for [`Self::Date`].
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

/// The errors in the form that creates a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NoName,
    /// The name is too long, or contains a control character.
    BadName,
    /// The start is not a date.
    BadStart,
    /// The start is more than a year and a day from now.
    LateStart,
    /// The end is not a date.
    BadEnd,
    /// The end is before the start, or in the past.
    EndsFirst,
    /// The validity is longer than a year and a day.
    TooLong,
    /// The number of uses is not valid.
    BadUses,
}

/// The start (`not_before`) and the end (`expires_at`) of the validity, in seconds of Unix time. The start is `None` if
/// the validity starts immediately.
pub type Window = (Option<u64>, u64);

/// Checks the chosen validity period. The edge checks this period again.
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

/// Checks the name of a new token.
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

/// Returns the maximum number of uses when the form opens, as text.
pub fn first_uses(kind: TokenKind) -> String {
    match kind {
        TokenKind::Api => String::new(),
        TokenKind::Guest => DEFAULT_GUEST_USES.to_string(),
    }
}

/// Parses the maximum number of uses. Returns `None` if the number of uses is not limited.
pub fn uses(text: &str) -> Result<Option<u32>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number| (1..=MAX_USES).contains(number));
    number.map(Some).ok_or(Fault::BadUses)
}

/// The status of an API token or a guest link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// The token is valid now.
    Good,
    /// The validity of the token has not started yet.
    Early,
    Expired,
    /// The token has no uses left.
    UsedUp,
    Revoked,
}

impl TokenStatus {
    /// Determines the status of a token. `now_ms` is the current time, in milliseconds of Unix time.
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

    /// Whether the token is valid now, or will be valid later.
    pub fn lives(self) -> bool {
        matches!(self, Self::Good | Self::Early)
    }

    /// Returns the value of the attribute `data-standing`.
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
