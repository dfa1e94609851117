//! Problems (RFC 9457): every error that leaves the edge, with a stable code.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $word:literal $status:literal $title:literal;)*) => {
        /// The stable code of a problem, which fixes its HTTP status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            /// The HTTP status that goes with it.
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
    /// The request is not what the call takes.
    InvalidRequest "invalid_request" 400 "The request is malformed";
    /// More than one carrier of a token in one request (RFC 6750 §2).
    TwoCarriers "two_carriers" 400 "The request carries more than one token";
    /// No token, or none that is accepted (RFC 6750 §3.1).
    InvalidToken "invalid_token" 401 "No valid token";
    /// Wrong user name or password.
    LoginFailed "login_failed" 401 "User name or password is wrong";
    /// A login provider's answer that does not belong to a login of this browser, or that is not acceptable.
    LoginRefused "login_refused" 401 "The login with the provider did not succeed";
    /// A refresh token that is unknown, expired, revoked or used before.
    InvalidGrant "invalid_grant" 400 "The grant is not valid";
    /// A token endpoint's `grant_type` that is not offered (RFC 6749 §5.2).
    UnsupportedGrant "unsupported_grant_type" 400 "This grant type is not offered";
    /// A valid token without the scope (RFC 6750 §3.1).
    InsufficientScope "insufficient_scope" 403 "The token does not allow this";
    /// A write by a browser from another origin, or with no origin.
    WrongOrigin "wrong_origin" 403 "The request does not come from this origin";
    /// A login over plain HTTP from elsewhere than loopback, where it could be overheard.
    PlaintextRefused "plaintext_refused" 403 "Log in over HTTPS";
    /// An enrolment or setup code that is wrong, expired or used.
    CodeRefused "code_refused" 403 "The code is not valid";
    /// A provider's login by somebody whom no owner has admitted.
    NotAdmitted "not_admitted" 403 "Nobody has admitted this login";
    /// A guest link before, after or without its window.
    LinkNotValid "link_not_valid" 403 "The link is not valid now";
    /// A token that was given a number of uses and has used them.
    UsedUp "used_up" 403 "The token has been used as often as it may";
    /// Nothing at this path.
    NotFound "not_found" 404 "There is nothing here";
    /// No such site.
    UnknownSite "unknown_site" 404 "There is no such site";
    /// No such device.
    UnknownDevice "unknown_device" 404 "There is no such device";
    /// No such line on the device.
    UnknownLine "unknown_line" 404 "The device has no such line";
    /// No such command, or not the caller's.
    UnknownCommand "unknown_command" 404 "There is no such command";
    /// No such person.
    UnknownPerson "unknown_person" 404 "There is no such person";
    /// No such API token or guest link.
    UnknownToken "unknown_token" 404 "There is no such token";
    /// The path is known, the method is not.
    MethodNotAllowed "method_not_allowed" 405 "The method is not allowed here";
    /// The id was used for another command.
    IdConflict "id_conflict" 409 "The command id was used for another command";
    /// The site has an owner already.
    AlreadySetUp "already_set_up" 409 "This site has an owner already";
    /// Another person has this identity at a provider.
    IdentityTaken "identity_taken" 409 "Another person has this identity";
    /// Somebody must remain who may do everything.
    LastOwner "last_owner" 409 "A site keeps at least one owner";
    /// An agent that yields ([`YIELD_HEADER`](crate::agent::YIELD_HEADER)) found another one connected as its device.
    DeviceConnected "device_connected" 409 "Another agent is connected as this device";
    /// The device would not.
    Refused "refused" 409 "The device refused the command";
    /// The body is larger than the call takes.
    TooLarge "too_large" 413 "The request is too large";
    /// A write that is not JSON (or, at the token endpoint, a form).
    UnsupportedMediaType "unsupported_media_type" 415 "The body must be JSON";
    /// The line has no such action.
    ActionUnsupported "action_unsupported" 422 "The line has no such action";
    /// The action's arguments are missing or out of range.
    InvalidArguments "invalid_arguments" 422 "The action's arguments are not valid";
    /// A WebSocket call without an upgrade.
    UpgradeRequired "upgrade_required" 426 "This call is a WebSocket";
    /// Too many attempts; `Retry-After` says when.
    Throttled "throttled" 429 "Too many requests; try again later";
    /// A fault of ours.
    Internal "internal" 500 "Something failed here";
    /// The deployment's configuration is not usable.
    Misconfigured "misconfigured" 503 "The deployment is not configured";
    /// An issuer from outside, or a login provider, cannot be reached, and nothing of it is known.
    IssuerUnavailable "issuer_unavailable" 503 "The issuer cannot be reached";
    /// The device is not connected.
    DeviceOffline "device_offline" 503 "The device is offline";
    /// The deadline passed before the command was done; it will not be done.
    DeadlinePassed "deadline_passed" 504 "The deadline passed before the command was done";
    /// The device did not answer; the command may have been done.
    OutcomeUnknown "outcome_unknown" 504 "The device did not answer in time; the command may have been done";
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
    /// The stable code; `refused_<reason>` where a device refused.
    pub code: String,
    /// What is particular to this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id of the command that the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds after which to try again, also in `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of a known code.
    pub fn new(code: Code) -> Self {
        Self::with_word(code, code.as_str().into())
    }

    /// A device's refusal; the reason is `refused_<reason>` as the device gave it.
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

    /// Adds what is particular to this occurrence. Never a secret, a token or an internal error.
    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    /// Names the command that the problem is about.
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Says when to try again, in seconds.
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
