//! Problems (RFC 9457): all errors that the edge returns. Every problem has a stable code.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $word:literal $status:literal $title:literal;)*) => {
        /// The stable code of a problem. It determines the HTTP status and the title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            /// The HTTP status of this code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
            /// A short sentence for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// The request does not match the call's format.
    InvalidRequest "invalid_request" 400 "The request is malformed";
    /// The request carries a token in more than one place (RFC 6750 §2).
    TwoCarriers "two_carriers" 400 "The request carries more than one token; send only one";
    /// The request has no token or an invalid token (RFC 6750 §3.1).
    InvalidToken "invalid_token" 401 "The request has no valid token";
    /// Wrong user name or password.
    LoginFailed "login_failed" 401 "The user name or password is wrong";
    /// A login provider's answer is invalid or does not belong to a login of this browser.
    LoginRefused "login_refused" 401 "The login with the provider failed";
    /// The refresh token is unknown, expired, revoked or already used.
    InvalidGrant "invalid_grant" 400 "The refresh token is invalid, expired or already used";
    /// The token endpoint does not support this `grant_type` (RFC 6749 §5.2).
    UnsupportedGrant "unsupported_grant_type" 400 "The grant type is not supported";
    /// The token is valid but does not have the required scope (RFC 6750 §3.1).
    InsufficientScope "insufficient_scope" 403 "The token's permissions do not cover this request";
    /// A browser sent a write from another origin, or without an origin.
    WrongOrigin "wrong_origin" 403 "The request must come from this origin";
    /// A login over plain HTTP from a host that is not loopback. Others could read the password.
    PlaintextRefused "plaintext_refused" 403 "Logging in needs HTTPS";
    /// The enrolment, setup or invitation code is wrong, expired or already used.
    CodeRefused "code_refused" 403 "The code is wrong, expired or already used";
    /// The provider accepted the login, but no owner has admitted this identity.
    NotAdmitted "not_admitted" 403 "An owner of the site must admit this login first";
    /// The guest link is unknown, not valid yet, expired or revoked.
    LinkNotValid "link_not_valid" 403 "The guest link is not valid now";
    /// A token with a limited number of uses has no uses left.
    UsedUp "used_up" 403 "The token has no uses left";
    /// The path is unknown.
    NotFound "not_found" 404 "Nothing exists at this path";
    /// The site does not exist.
    UnknownSite "unknown_site" 404 "There is no such site";
    /// The device does not exist.
    UnknownDevice "unknown_device" 404 "There is no such device";
    /// The device has no line with this name.
    UnknownLine "unknown_line" 404 "The device has no such line";
    /// The command does not exist, or another caller sent it.
    UnknownCommand "unknown_command" 404 "There is no such command";
    /// The person does not exist.
    UnknownPerson "unknown_person" 404 "There is no such person";
    /// The API token or guest link does not exist.
    UnknownToken "unknown_token" 404 "There is no such token";
    /// The path exists, but does not support the method.
    MethodNotAllowed "method_not_allowed" 405 "The path does not support this method";
    /// The caller has already used the command id for a different command.
    IdConflict "id_conflict" 409 "The command id was already used for a different command";
    /// The site already has an owner.
    AlreadySetUp "already_set_up" 409 "The site already has an owner";
    /// Another person already has this identity at a provider.
    IdentityTaken "identity_taken" 409 "Another person already has this identity";
    /// The change would leave the site without an owner.
    LastOwner "last_owner" 409 "A site needs at least one owner";
    /// An agent sent [`YIELD_HEADER`](crate::agent::YIELD_HEADER) while another agent is connected as its device.
    DeviceConnected "device_connected" 409 "Another agent is connected as this device";
    /// The device refused the command.
    Refused "refused" 409 "The device refused the command";
    /// The body is larger than the call accepts.
    TooLarge "too_large" 413 "The request is too large";
    /// The body of a write is not JSON (or a form, at the token endpoint).
    UnsupportedMediaType "unsupported_media_type" 415 "The body must be JSON";
    /// The line does not support the action.
    ActionUnsupported "action_unsupported" 422 "The line does not support this action";
    /// The action's arguments are missing or out of range.
    InvalidArguments "invalid_arguments" 422 "The action's arguments are missing or invalid";
    /// A WebSocket call that is not an upgrade request.
    UpgradeRequired "upgrade_required" 426 "This call needs a WebSocket upgrade";
    /// Too many requests. `Retry-After` contains the seconds to wait.
    Throttled "throttled" 429 "Too many requests; try again later";
    /// An internal fault of Pinlatch.
    Internal "internal" 500 "Internal error";
    /// The deployment's configuration is missing or invalid.
    Misconfigured "misconfigured" 503 "The deployment's configuration is missing or invalid";
    /// An external issuer or login provider cannot be reached, and no response from it is cached.
    IssuerUnavailable "issuer_unavailable" 503 "The issuer cannot be reached";
    /// The device is not connected.
    DeviceOffline "device_offline" 503 "The device is offline";
    /// The deadline passed before the command was executed. The command will not be executed.
    DeadlinePassed "deadline_passed" 504 "The deadline passed before the command was executed";
    /// The device did not answer. It can have executed the command.
    OutcomeUnknown "outcome_unknown" 504 "The device did not answer in time; the command may have been executed";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A problem document (RFC 9457), the body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:pinlatch:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short sentence for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code; `refused_<reason>` if a device refused a command.
    pub code: String,
    /// Details of this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id of the affected command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds to wait before the next attempt, also in `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with a known code.
    pub fn new(code: Code) -> Self {
        Self::with_word(code, code.as_str().into())
    }

    /// The problem for a command that the device refused. `reason` is the device's `refused_<reason>`.
    pub fn refused(reason: &str) -> Self {
        let known = reason.len() <= 64
            && reason.starts_with("refused_")
            && reason.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        Self::with_word(Code::Refused, if known { reason.to_owned().into() } else { "refused".into() })
    }

    fn with_word(code: Code, word: Cow<'static, str>) -> Self {
        Self {
            kind: format!("urn:pinlatch:problem:{word}"),
            title: code.title().into(),
            status: code.status(),
            code: word.into_owned(),
            detail: None,
            id: None,
            retry_after: None,
        }
    }

    /// Adds details of this occurrence. The text must not contain a secret, a token or an internal error.
    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    /// Sets the id of the affected command.
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the seconds to wait before the next attempt.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Whether the problem has this code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{} ({}): {detail}", self.title, self.code),
            None => write!(f, "{} ({})", self.title, self.code),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_carry_an_error_status() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert!((400..=599).contains(&code.status()));
            assert!(Code::ALL.iter().skip(index + 1).all(|other| other.as_str() != code.as_str()));
        }
    }

    #[test]
    fn a_device_cannot_put_words_in_our_mouth() {
        assert_eq!(Problem::refused("refused_max_on").code, "refused_max_on");
        assert_eq!(Problem::refused("<script>").code, "refused");
        assert_eq!(Problem::refused(&format!("refused_{}", "x".repeat(99))).code, "refused");
    }
}
