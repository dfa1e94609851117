//! This module defines the request and response bodies of the administration API. The administration API manages
//! people, API tokens and guest links.

use serde::{Deserialize, Serialize};

use crate::name::{Name, UserName};
use crate::scope::{Role, ScopeSet};
use crate::secret::Secret;
use crate::wire_enum::wire_enum;

/// The maximum length of the display name of an API token or guest link, in characters.
pub const MAX_TOKEN_NAME: usize = 64;

/// The longest life of a token with a `site:` scope that a person can issue without a new proof, in seconds (RFC 9470).
pub const MAX_UNPROVEN_LIFE: u64 = 86_400;

/// The longest validity period of an API token or guest link, in days.
pub const MAX_TOKEN_DAYS: u64 = 366;

/// The longest validity period of an API token or guest link, in seconds.
pub const MAX_TOKEN_LIFE: u64 = MAX_TOKEN_DAYS * 86_400;

/// The validity period of an API token for which a person chooses no other, in seconds (30 days). The panel and the
/// command line apply it, but not the HTTP API.
pub const DEFAULT_API_LIFE: u64 = 30 * 86_400;

/// The validity period of a guest link for which a person chooses no other, in seconds (one day). The panel and the
/// command line apply it, but not the HTTP API.
pub const DEFAULT_GUEST_LIFE: u64 = 86_400;

/// The number of commands of a guest link for which a person chooses no other number. The panel and the command line
/// apply it, but not the HTTP API.
pub const DEFAULT_GUEST_USES: u32 = 1;

/// The validity period of an enrolment string, in seconds. One hour is long enough for a person to walk to the device.
pub const ENROLMENT_LIFE: u64 = 3_600;

/// The validity period of an invitation, in seconds (seven days).
pub const INVITATION_LIFE: u64 = 7 * 86_400;

/// The largest value of `max_uses` that a caller can set for an API token or guest link.
pub const MAX_USES: u32 = 1_000_000;

/// The maximum number of commands without a result of a person, and the largest value of `max_in_flight`.
pub const MAX_IN_FLIGHT: u32 = 32;

/// The largest value of `max_per_minute`. The commands of a person have no such limit.
pub const MAX_PER_MINUTE: u32 = 6_000;

/// The maximum number of open WebSockets of a person, and the largest value of `max_sockets`.
pub const MAX_SOCKETS: u32 = 64;

/// The maximum length of the scopes of an API token, as text in bytes. A longer token would be refused at its first
/// use, because it would exceed the maximum size of a token.
pub const MAX_API_SCOPE: usize = 4096;

/// The maximum length of the scopes of a guest link, as text in bytes. A browser ignores a cookie of more than 4096
/// bytes without an error, and the guest cookie contains the link's token with its scopes.
pub const MAX_GUEST_SCOPE: usize = 2400;

/// The maximum length of the issuer, the subject and the email address of an identity, in bytes.
pub const MAX_IDENTITY: usize = 255;

/// The prefix of the subject (`sub`) in API tokens and guest links. The token's `jti` follows the prefix. A user name
/// cannot contain a colon, so the subject cannot be the same as a user name. The subject is also the actor of the
/// token's audit entries.
pub const TOKEN_SUBJECT_PREFIX: &str = "token:";

/// A person who has an account at a site. `GET /api/v1/users` returns a list of persons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Person {
    /// The person's user name.
    pub username: UserName,
    /// The person's role. This field is absent if the person has individual scopes instead of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The scopes that the person has, either from the role or as individual scopes.
    pub scope: ScopeSet,
    /// The time when the person's account was created, in milliseconds of Unix time.
    pub created_ms: u64,
    /// The user name or the token subject of the caller who invited or admitted the person. The field is absent for the
    /// first owner, and for a person who joined when the site did not store this yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_by: Option<String>,
    /// The number of the person's open logins. Logins that have ended or expired are not counted.
    pub sessions: u32,
    /// The person's accounts at external login providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<IdentityRule>,
}

/// The body of `POST /api/v1/users`. The call invites a new person, or lets an existing person set a new password. For
/// a new person, the request must contain `role` or `scope`. For an existing person, the request must contain neither
/// `role` nor `scope`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// The user name of the invited person.
    pub username: UserName,
    /// The permissions of a new person. If the person already exists, the site ignores this field.
    #[serde(flatten)]
    pub rights: RightsRequest,
}

/// A person's permissions in a request: a role or individual scopes, but not both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RightsRequest {
    /// The role that the person receives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The individual scopes that the person receives instead of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

/// The body of `PUT /api/v1/users/{username}/identities`. The call allows a person to log in with an external login
/// provider. If the person does not exist, the call creates the person with the given permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AdmitRequest {
    /// The person's account at the login provider.
    pub identity: IdentityRule,
    /// The role of the new person. The site uses this field only if the call creates the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The individual scopes of the new person. The site uses this field only if the call creates the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

/// A person's account at a login provider. The account is identified by the provider's `sub` or by a verified email
/// address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentityRule {
    /// The issuer (`iss`) that the login provider writes into its tokens.
    #[cfg_attr(test, schemars(with = "schemas::IdentityText"))]
    pub issuer: String,
    /// The login provider's `sub` for the person. If a rule contains only an email address, the site stores the `sub`
    /// at the person's first login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<schemas::IdentityText>"))]
    pub subject: Option<String>,
    /// The person's email address. The login provider must report the email address as verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<schemas::IdentityText>"))]
    pub email: Option<String>,
}

/// The response body of `POST /api/v1/users`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InviteReply {
    /// The user name of the invited person.
    pub username: UserName,
    /// The invitation code. The invited person can use the code only once.
    pub code: Secret,
    /// The time when the invitation code expires, in seconds of Unix time.
    pub expires_at: u64,
}

/// An open invitation, without its code. `GET /api/v1/invitations` returns a list of open invitations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Invitation {
    /// The id of the invitation code. The id does not allow anyone to use the invitation.
    pub id: String,
    /// The user name of the invited person.
    pub username: UserName,
    /// The role that the invitation gives to a new person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The individual scopes that the invitation gives to a new person. If `role` and `scope` are both absent, the
    /// invitation lets an existing person choose a new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// The user name or the token subject of the caller who made the invitation.
    pub creator: String,
    /// The time when the invitation expires, in seconds of Unix time.
    pub expires_at: u64,
}

/// An open enrolment code, without the code itself. `GET /api/v1/enrolments` returns a list of open enrolment codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Enrolment {
    /// The id of the enrolment code. The id does not allow anyone to use the code.
    pub id: String,
    /// The name of the device that the code enrols.
    pub device: Name,
    /// Whether the code can replace an enrolled device of this name.
    pub replaces: bool,
    /// The user name or the token subject of the caller who made the enrolment code.
    pub creator: String,
    /// The time when the enrolment code expires, in seconds of Unix time.
    pub expires_at: u64,
}

/// An open login of a person. `GET /api/v1/users/{username}/sessions` returns a list of open logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Session {
    /// The id of the login.
    pub id: String,
    /// Whether the request itself belongs to this login.
    pub current: bool,
    /// The browser or program that logged in, for example `Firefox on Android`. The field is absent if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The time of the login, in milliseconds of Unix time.
    pub started_ms: u64,
    /// The time when the login was last refreshed, in milliseconds of Unix time. An open page refreshes its login every
    /// few minutes.
    pub last_used_ms: u64,
    /// The time when the login ends if it is not refreshed, in seconds of Unix time.
    pub expires_at: u64,
    /// The time when the login ends even if it is refreshed, in seconds of Unix time.
    pub ends_at: u64,
}

/// The body of `POST /api/v1/users/{username}/secure`. The call sets a new password, and ends everything that another
/// person could have arranged with the caller's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecureRequest {
    /// The caller's new password.
    #[cfg_attr(test, schemars(with = "crate::secret::schemas::NewPassword"))]
    pub password: Secret,
}

/// The body of `POST /api/v1/users/invited`, which asks whom an invitation is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InvitedRequest {
    /// The invitation code that the person received.
    pub code: Secret,
}

/// The response body of `POST /api/v1/users/invited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InvitedReply {
    /// The user name of the invited person.
    pub username: UserName,
    /// Whether the person has a password, which the invitation replaces.
    pub has_password: bool,
}

/// The body of `POST /api/v1/users/accept`. An invited person sends the invitation code and a new password to the site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// The invitation code that the person received.
    pub code: Secret,
    /// The password that the person chose.
    #[cfg_attr(test, schemars(with = "crate::secret::schemas::NewPassword"))]
    pub password: Secret,
}

/// The response body of `POST /api/v1/users/accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AcceptReply {
    /// The user name of the invited person. The person can log in from now on.
    pub username: UserName,
}

/// The body of `POST /api/v1/users/{username}/password`. The call changes the caller's own password and ends all other
/// sessions of the caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The caller's current password.
    #[cfg_attr(test, schemars(extend("format" = "password")))]
    pub current: Secret,
    /// The caller's new password.
    #[cfg_attr(test, schemars(with = "crate::secret::schemas::NewPassword"))]
    pub password: Secret,
}

wire_enum! {
    /// The kind of an issued token: API token or guest link.
    pub enum TokenKind {
        /// An API token, which a script sends in the `Authorization` header.
        Api = "api",
        /// A guest link, whose token the panel exchanges for a cookie when a browser opens the link.
        Guest = "guest",
    }
}

/// The body of `POST /api/v1/tokens`. The call issues an API token or a guest link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The kind of the new token.
    pub kind: TokenKind,
    /// The display name of the new token, with 1 to [`MAX_TOKEN_NAME`] characters. The display name must not contain
    /// control characters, or spaces at the start or end.
    pub name: String,
    /// The scopes of the new token, with at least one scope. The caller must have all scopes of the new token. A guest
    /// link cannot have a `site:` scope, and the text of its scopes has at most [`MAX_GUEST_SCOPE`] bytes.
    pub scope: ScopeSet,
    /// The time when the token becomes valid, in seconds of Unix time. If the field is absent, the token is valid
    /// immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// The time when the token expires, in seconds of Unix time. The validity period is at most [`MAX_TOKEN_DAYS`]
    /// days. If the caller is not a logged-in person, the new token must not expire later than the caller's token.
    pub expires_at: u64,
    /// The maximum number of commands that can be sent with the token. If the field is absent, the number of commands
    /// is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_USES)))]
    pub max_uses: Option<u32>,
    /// The maximum number of commands without a result, at most the caller's own. If the field is absent, the number
    /// for the token's kind applies, or the caller's own number if that is smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_IN_FLIGHT)))]
    pub max_in_flight: Option<u32>,
    /// The maximum number of commands per minute, at most the caller's own. If the field is absent, the number for the
    /// token's kind applies, or the caller's own number if that is smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_PER_MINUTE)))]
    pub max_per_minute: Option<u32>,
    /// The maximum number of open WebSockets, at most the caller's own. If the field is absent, the number for the
    /// token's kind applies, or the caller's own number if that is smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_SOCKETS)))]
    pub max_sockets: Option<u32>,
}

/// The properties of an API token or guest link, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "IssuedToken"))]
pub struct TokenView {
    /// The id (`jti`) of the token.
    pub jti: String,
    /// Whether the token is an API token or a guest link.
    pub kind: TokenKind,
    /// The token's display name.
    pub name: String,
    /// The user name or the token subject of the caller who issued the token.
    pub creator: String,
    /// The scopes that the token can have at most. The rights of the token's creator can limit the scopes further.
    pub scope: ScopeSet,
    /// The time when the token becomes valid, in seconds of Unix time.
    pub not_before: u64,
    /// The time when the token expires, in seconds of Unix time.
    pub expires_at: u64,
    /// The maximum number of commands that can be sent with the token. If the field is absent, the number of commands
    /// is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_USES)))]
    pub max_uses: Option<u32>,
    /// The maximum number of commands without a result. If the field is absent, the number for the token's kind
    /// applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_IN_FLIGHT)))]
    pub max_in_flight: Option<u32>,
    /// The maximum number of commands per minute. If the field is absent, the number for the token's kind applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_PER_MINUTE)))]
    pub max_per_minute: Option<u32>,
    /// The maximum number of open WebSockets. If the field is absent, the number for the token's kind applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1, max = MAX_SOCKETS)))]
    pub max_sockets: Option<u32>,
    /// The number of commands that the token has sent. The site counts the commands only if `max_uses` is set.
    pub uses: u32,
    /// The time when the token was issued, in milliseconds of Unix time.
    pub created_ms: u64,
    /// The time of the last command that was sent with the token, in milliseconds of Unix time. The field is absent if
    /// the audit log contains no command of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<u64>,
    /// The time when the token was revoked, in milliseconds of Unix time. The field is absent if the token is not
    /// revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
}

/// The response body of `POST /api/v1/tokens`. No other response contains the token itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct IssueReply {
    /// The properties of the issued token.
    pub token: TokenView,
    /// The issued API token. The field is absent for a guest link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// The issued guest link, in the form `https://HOST/s/SITE/#guest=…`. The field is absent for an API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Secret>,
}

/// The response body of `POST /api/v1/generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Generation {
    /// The new generation of the site. Tokens with a lower generation are invalid.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub generation: u64,
}

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::MAX_IDENTITY;

    crate::schema::schemas! {
        struct IdentityText = |_| json_schema!({
            "description": format!("A text of at most {MAX_IDENTITY} bytes of UTF-8, without control characters."),
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_IDENTITY,
        });
    }
}
