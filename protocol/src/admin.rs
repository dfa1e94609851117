//! Bodies of the administration API: people, API tokens and guest links, the audit log.

use serde::{Deserialize, Serialize};

use crate::api::Secret;
use crate::name::UserName;
use crate::scope::{Role, ScopeSet};

/// The longest name of an API token or guest link, in characters.
pub const MAX_TOKEN_NAME: usize = 64;

/// The longest lifetime of an API token or guest link, in seconds: a year and a day.
pub const MAX_TOKEN_LIFE: u64 = 366 * 86_400;

/// The largest number of uses that a token can be limited to.
pub const MAX_USES: u32 = 1_000_000;

/// The shortest and the longest retention of the audit log, in days.
pub const RETENTION_DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;

/// A person of a site, as `GET /api/v1/users` lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user name.
    pub username: UserName,
    /// The role; absent if the person has individual scopes instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The person's permissions.
    pub scope: ScopeSet,
    /// When the person joined, in milliseconds of Unix time.
    pub created_ms: u64,
    /// The number of open logins.
    pub sessions: u32,
    /// The person's identities at login providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<IdentityRule>,
}

/// `POST /api/v1/users`: invites a new person, or invites an existing person to set a new password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// The user name.
    pub username: UserName,
    /// The new person's permissions. An existing person's permissions do not change.
    #[serde(flatten)]
    pub rights: RightsRequest,
}

/// A role or individual scopes, not both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightsRequest {
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Individual scopes, per device and per line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

/// `PUT /api/v1/users/{username}/identities`: lets a person log in with a provider. A person who does not exist
/// yet is created with the given permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmitRequest {
    /// The person's identity at the provider.
    pub identity: IdentityRule,
    /// The role of a person who is created by this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The scopes of a person who is created by this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

/// A person's identity at a provider. It is either the provider's `sub` or an email address that the provider has
/// verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRule {
    /// The provider's `iss`.
    pub issuer: String,
    /// The provider's `sub` for the person. If only an email address was given, it is set at the first login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The email address. The provider must report it as verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// The answer of `POST /api/v1/users`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteReply {
    /// The invited person.
    pub username: UserName,
    /// The invitation code, valid for one use.
    pub code: Secret,
    /// When the code expires, in seconds of Unix time.
    pub expires_at: u64,
}

/// `POST /api/v1/users/accept`: uses an invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// The invitation code.
    pub code: Secret,
    /// The person's new password.
    pub password: Secret,
}

/// The answer of `POST /api/v1/users/accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptReply {
    /// The invited person, who can now log in.
    pub username: UserName,
}

/// `POST /api/v1/users/{username}/password`: changes the caller's own password and ends the caller's other
/// sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The current password.
    pub current: Secret,
    /// The new password.
    pub password: Secret,
}

/// The kind of an issued token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// An API token for scripts, returned as a bearer token.
    Api,
    /// A guest link, which a browser exchanges for a cookie.
    Guest,
}

impl TokenKind {
    /// The kind's name in the API and in the database table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Guest => "guest",
        }
    }
}

/// `POST /api/v1/tokens`: issues an API token or a guest link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// API token or guest link.
    pub kind: TokenKind,
    /// The display name: 1 to [`MAX_TOKEN_NAME`] characters.
    pub name: String,
    /// The token's permissions. The caller must have all of them.
    pub scope: ScopeSet,
    /// Start of validity, in seconds of Unix time. If absent, the token is valid immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// End of validity, in seconds of Unix time; at most [`MAX_TOKEN_LIFE`] after the start.
    pub expires_at: u64,
    /// The largest number of commands that the token can send; unlimited if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
}

/// An API token or guest link. It does not contain the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// The token's id.
    pub jti: String,
    /// API token or guest link.
    pub kind: TokenKind,
    /// The display name.
    pub name: String,
    /// The user name or the token subject that issued it.
    pub creator: String,
    /// The maximum permissions of the token.
    pub scope: ScopeSet,
    /// Start of validity, in seconds of Unix time.
    pub not_before: u64,
    /// End of validity, in seconds of Unix time.
    pub expires_at: u64,
    /// The largest number of commands that the token can send; unlimited if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// The number of commands that the token has sent, if they are counted.
    pub uses: u32,
    /// When it was issued, in milliseconds of Unix time.
    pub created_ms: u64,
    /// When the token was last used for a command, in milliseconds of Unix time. Absent if the audit log contains no
    /// such command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<u64>,
    /// When the token was revoked, in milliseconds of Unix time; absent if it was not revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
}

/// The answer of `POST /api/v1/tokens`. Only this answer contains the token itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssueReply {
    /// The issued token's properties.
    pub token: TokenView,
    /// The bearer token, for an API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// `https://HOST/s/SITE/#guest=…`, for a guest link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Secret>,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The number of the entry. It is one higher than the number of the previous entry.
    pub seq: u64,
    /// Time of the event, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The actor: a user name, `ISSUER#SUBJECT`, `device:NAME` or `site:reconcile`.
    pub actor: String,
    /// The id of the token that was used, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The action as a stable code: `command`, `login`, `invite`, `mint`, and so on.
    pub act: String,
    /// The target: `DEVICE/LINE:ACTION`, a device, a user name or a token's id.
    pub target: String,
    /// `done`, the final status of a command, or a problem code. `amended_…` if a late report corrected the status.
    pub outcome: String,
    /// SHA-256 of the previous entry's hash and this entry, in hexadecimal digits.
    pub hash: String,
}

/// The end of the audit log's hash chain. A saved copy can later prove that no earlier entry was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The last entry's number.
    pub seq: u64,
    /// The last entry's hash.
    pub hash: String,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The entries, newest first.
    pub entries: Vec<AuditEntry>,
    /// The end of the hash chain; absent while the log is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<AuditHead>,
    /// The value of `before` for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The retention of entries, in days.
    pub keep_days: u32,
}

/// A filter for audit entries. An absent field matches every entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Entries with a number lower than this.
    pub before: Option<u64>,
    /// Entries of this actor.
    pub actor: Option<String>,
    /// Entries of this action.
    pub act: Option<String>,
    /// Entries whose target starts with this text.
    pub target: Option<String>,
    /// Entries with this outcome.
    pub outcome: Option<String>,
    /// Entries at or after this time, in milliseconds of Unix time.
    pub since_ms: Option<u64>,
    /// Entries before this time, in milliseconds of Unix time.
    pub until_ms: Option<u64>,
}

/// `PUT /api/v1/audit/retention`: sets the retention of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRequest {
    /// The retention of entries, in days.
    pub days: u32,
}
