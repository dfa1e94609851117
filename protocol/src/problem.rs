//! This module defines problem documents (RFC 9457), which the edge returns for every error. Every problem document
//! contains a stable code.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum length of a device's code for a refusal, in bytes.
pub const MAX_REFUSAL: usize = 64;

/// The codes with which a device refuses commands. A newer agent can also use other codes.
pub const DEVICE_REFUSALS: [&str; 22] = [
    "refused_unknown_line",
    "refused_action",
    "refused_max_on",
    "refused_min_interval",
    "refused_busy",
    "refused_range",
    "refused_interlock",
    "refused_driver",
    "refused_token",
    "refused_stopping",
    "refused_replay",
    "refused_rule_rate",
    "refused_authority",
    "refused_challenge",
    "refused_many_calls",
    "refused_call",
    "refused_grant",
    "refused_grant_expired",
    "refused_grant_early",
    "refused_grant_scope",
    "refused_revoked",
    "refused_time_unknown",
];

/// The media type of a [`Problem`] in an HTTP response.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident $word:literal $status:literal $title:literal;)*) => {
        /// The stable code of a problem. The code determines the HTTP status and the title of the problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])* $variant,)* }

        impl Code {
            /// All problem codes, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// Returns the problem code as text, as used in responses.
            // A call with a constant becomes a constant. Otherwise the panel's first page would contain all codes.
            #[inline(always)]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            /// Returns the HTTP status of the problem code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
            /// Returns a short sentence for people that describes the problem.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
            /// Returns the doc comment of the problem code, for the OpenAPI document.
            #[cfg(test)]
            pub(crate) const fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n",)*),)* }
            }
        }
    };
}

codes! {
    /// The request does not match the format of the API call.
    InvalidRequest "invalid_request" 400 "The request is malformed";
    /// The new password is one of the most common passwords, or it is derived from the user name. The member `detail`
    /// contains the reason.
    PasswordRefused "password_refused" 400 "The password is too easy to guess";
    /// The request contains more than one token (RFC 6750 §2).
    TwoCarriers "two_carriers" 400 "The request contains more than one token; send only one token";
    /// The request has no token or an invalid token (RFC 6750 §3.1).
    InvalidToken "invalid_token" 401 "The request has no valid token";
    /// The request needs a newer proof that the caller is the person of the login (RFC 9470 §3). The member `max_age`
    /// contains the maximum age of the proof, in seconds. `POST /api/v1/session/proof` gives a new proof.
    InsufficientUserAuthentication "insufficient_user_authentication" 401 "Confirm that it is you";
    /// The user name or the password is wrong. The response does not show which of the two is wrong.
    LoginFailed "login_failed" 401 "The user name or password is wrong";
    /// The response of a login provider is invalid, or the response does not belong to a login that this browser
    /// started.
    LoginRefused "login_refused" 401 "The login at the login provider failed";
    /// The refresh token is unknown, expired, revoked or already used.
    InvalidGrant "invalid_grant" 400 "The refresh token is invalid, expired or already used";
    /// The token endpoint does not support the requested `grant_type` (RFC 6749 §5.2).
    UnsupportedGrant "unsupported_grant_type" 400 "The grant type is not supported";
    /// The token is valid but does not have the scope that the request requires (RFC 6750 §3.1).
    InsufficientScope "insufficient_scope" 403 "The token's permissions do not cover this request";
    /// The request needs the login of a person. The caller's token belongs to a program, a guest link or an external
    /// issuer.
    PersonRequired "person_required" 403 "Only a person who is logged in can do this";
    /// The request comes from a page of another origin, or the token is a cookie and the header `Origin` is absent.
    WrongOrigin "wrong_origin" 403 "The request must come from a page of this server";
    /// The request contains a password or a one-time code, but came over plain HTTP from another machine. An attacker
    /// on the network could read the secret.
    PlaintextRefused "plaintext_refused" 403 "This request is possible only over HTTPS";
    /// The enrolment code, setup code or invitation code is wrong, expired or already used.
    CodeRefused "code_refused" 403 "The one-time code is wrong, expired or already used";
    /// The login provider confirmed the login, but no owner has admitted this account to the site.
    NotAdmitted "not_admitted" 403 "An owner of the site must first give this account access";
    /// The guest link is unknown, not yet valid, expired or revoked.
    LinkNotValid "link_not_valid" 403 "The guest link is not valid now";
    /// The token has a limited number of uses, and all uses are spent.
    UsedUp "used_up" 403 "The token has no uses left";
    /// The edge has no API call with this path, or a name in the path is invalid.
    NotFound "not_found" 404 "The path does not exist";
    /// The deployment has no site with this name.
    UnknownSite "unknown_site" 404 "The site does not exist";
    /// The site has no device with this name, or the caller has no permission for any GPIO line of the device.
    UnknownDevice "unknown_device" 404 "The device does not exist";
    /// The device has no GPIO line with this name.
    UnknownLine "unknown_line" 404 "The device has no line with this name";
    /// The caller sent no command with this id in the last 24 hours.
    UnknownCommand "unknown_command" 404 "The command does not exist";
    /// The site has no person with this user name.
    UnknownPerson "unknown_person" 404 "The person does not exist";
    /// The person has no open login with this id.
    UnknownSession "unknown_session" 404 "The login does not exist, or it has ended";
    /// The site has no open invitation or enrolment code with this id.
    UnknownCode "unknown_code" 404 "The invitation or enrolment code does not exist, or it was used";
    /// The site has issued no API token or guest link with this id. For any other token, `expires_at` is missing.
    UnknownToken "unknown_token" 404 "The token does not exist";
    /// The path exists, but the path does not support the HTTP method of the request. Every path can return this
    /// response.
    MethodNotAllowed "method_not_allowed" 405 "The path does not support this HTTP method";
    /// The caller has already used the command id for a different command.
    IdConflict "id_conflict" 409 "The command id was already used for a different command";
    /// The site already has an owner.
    AlreadySetUp "already_set_up" 409 "The site already has an owner";
    /// The request names another site or another subject than its token has. A page of the panel names the site and the
    /// subject that the page was drawn for. If another person has logged in since then, the page must be reloaded.
    OtherLogin "other_login" 409 "The request is for another login than the login of its token";
    /// Another person of the site already uses this account at the login provider.
    IdentityTaken "identity_taken" 409 "Another person already uses this account at the login provider";
    /// The change would leave the site without an owner.
    LastOwner "last_owner" 409 "A site needs at least one owner";
    /// An agent sent the header `Pinlatch-Yield` while another agent is connected as the same device.
    DeviceConnected "device_connected" 409 "Another agent is connected as this device";
    /// The device refused the command. The code `refused_…` contains the reason.
    Refused "refused" 409 "The device refused the command";
    /// The device currently cannot determine the level of the GPIO line, for example because its sensor fails.
    LevelUnknown "level_unknown" 409 "The device does not know the level of the line now";
    /// The device accepts no calls of holders, because none of its lines has `authority = "holder"`.
    NoHolderLines "no_holder_lines" 409 "The device has no line that only holders can operate";
    /// The request body is larger than [`MAX_BODY`](crate::MAX_BODY).
    TooLarge "too_large" 413 "The body of the request is too large";
    /// The API call does not accept the media type of the request body.
    UnsupportedMediaType "unsupported_media_type" 415 "The body of the request must be JSON";
    /// The GPIO line does not support the requested action.
    ActionUnsupported "action_unsupported" 422 "The line does not support this action";
    /// The arguments of the action or the deadline are missing or out of range.
    InvalidArguments "invalid_arguments" 422 "The action's arguments are missing or invalid";
    /// The device identity is not signed by the owner's root key of this deployment, or it is for another site, another
    /// device or another key than the enrolled key. The member `detail` contains the reason.
    IdentityRefused "identity_refused" 422 "The device identity is not valid for this device";
    /// A WebSocket endpoint received a request that is not an upgrade request.
    UpgradeRequired "upgrade_required" 426 "The request must be a WebSocket upgrade";
    /// There were too many logins at the same time, too many wrong passwords for one account, too many commands in
    /// flight to one device, or too many new sealed tokens. The header `Retry-After` contains the seconds to wait.
    Throttled "throttled" 429 "You sent too many requests; try again later";
    /// The edge has an internal error. The log of the edge contains the cause.
    Internal "internal" 500 "An internal error occurred";
    /// The configuration of the deployment or of the token's issuer is missing or invalid.
    Misconfigured "misconfigured" 503 "The deployment's configuration is missing or invalid";
    /// The edge cannot reach an external issuer or login provider, and the edge has no cached response.
    IssuerUnavailable "issuer_unavailable" 503 "The token issuer or login provider cannot be reached";
    /// The device is not connected to the edge.
    DeviceOffline "device_offline" 503 "The device is offline";
    /// The deadline passed before the device executed the command. The device will not execute the command later.
    DeadlinePassed "deadline_passed" 504 "The deadline passed before the device executed the command";
    /// The device is connected but did not answer a question in time. Agents of earlier releases do not answer
    /// questions.
    DeviceSilent "device_silent" 504 "The device did not answer in time";
    /// The device did not report an outcome in time. The device may have executed the command.
    OutcomeUnknown "outcome_unknown" 504 "The device did not respond in time; it may have executed the command";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A problem document (RFC 9457), which is the body of every error response of the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// The type of the problem, in the form `urn:pinlatch:problem:CODE`.
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(regex(pattern = "^urn:pinlatch:problem:[a-z0-9_]+$")))]
    pub kind: String,
    /// A short sentence for people that describes the problem.
    pub title: String,
    /// The HTTP status of the response.
    #[cfg_attr(test, schemars(range(min = 400, max = 599)))]
    pub status: u16,
    /// The stable problem code. If a device refused a command, the code has the form `refused_<reason>`.
    #[cfg_attr(test, schemars(with = "schemas::ProblemCode"))]
    pub code: String,
    /// Additional information about the error, as text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id of the command that the problem belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The number of seconds to wait before the next attempt. The header `Retry-After` contains the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The maximum age of the proof that the request needs, in seconds (RFC 9470 §3). The header `WWW-Authenticate`
    /// contains the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
}

impl Problem {
    /// Creates a problem with the title and the status of the code.
    pub fn new(code: Code) -> Self {
        Self::with_word(code, code.as_str().into())
    }

    /// Creates the problem for a command that the device refused. `reason` is the device's code in the form
    /// `refused_<reason>`. An unexpected text is replaced with `refused`.
    pub fn refused(reason: &str) -> Self {
        let known = reason.len() <= MAX_REFUSAL
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
            max_age: None,
        }
    }

    /// Adds information about the error to the problem. The text must not contain a secret, a token or an internal
    /// error message.
    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    /// Sets the id of the command that the problem belongs to.
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the number of seconds to wait before the next attempt.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Returns whether the problem has the given code.
    #[inline(always)]
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

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::{Code, MAX_REFUSAL};

    crate::schema::schemas! {
        struct ProblemCode = |generator| json_schema!({
            "description": "The stable code of a problem. The code determines the HTTP status.",
            "anyOf": [
                { "type": "string", "enum": Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>() },
                generator.subschema_for::<Refusal>(),
            ],
        });

        struct Refusal = |_| json_schema!({
            "description": "The device's reason for refusing a command.",
            "type": "string",
            "pattern": "^refused_[a-z0-9_]+$",
            "maxLength": MAX_REFUSAL,
            "examples": ["refused_max_on"],
        });
    }
}

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
