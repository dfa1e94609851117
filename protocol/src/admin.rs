//! Bodies of the calls of administration: people, API tokens and guest links, the audit log.

use serde::{Deserialize, Serialize};

use crate::api::Secret;
use crate::name::UserName;
use crate::scope::{Role, ScopeSet};

/// The longest name of a token, in characters.
pub const MAX_TOKEN_NAME: usize = 64;

/// The longest life of an API token or guest link, in seconds: a year and a day.
pub const MAX_TOKEN_LIFE: u64 = 366 * 86_400;

/// The most uses that a token may be given.
pub const MAX_USES: u32 = 1_000_000;

/// The shortest and the longest time that the audit log is kept, in days.
pub const RETENTION_DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;

/// A person of a site, as `GET /api/v1/users` shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user name.
    pub username: UserName,
    /// The role; absent where the person has scopes of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What the person may do.
    pub scope: ScopeSet,
    /// When they joined, milliseconds of Unix time.
    pub created_ms: u64,
    /// How many logins are open.
    pub sessions: u32,
    /// Who they are at login providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<IdentityRule>,
}

/// `POST /api/v1/users`: invites a person, or one who is there already to set a new password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// The user name.
    pub username: UserName,
    /// What the person may do. Of a person who is there already nothing changes.
    #[serde(flatten)]
    pub rights: RightsRequest,
}

/// A role, or scopes of one's own; not both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightsRequest {
    /// A role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Scopes, per device and per line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

/// `PUT /api/v1/users/{username}/identities`: lets a person log in with a provider. One who is not there yet
/// joins with the rights given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmitRequest {
    /// Who, at the provider.
    pub identity: IdentityRule,
    /// A role, for one who joins by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Scopes, for one who joins by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
}

/// Who somebody is at a provider: by its own name for them, or by an address that it has verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRule {
    /// The provider's `iss`.
    pub issuer: String,
    /// Its `sub` for the person. Bound at the first login where only an address was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The address, of which the provider must say that it is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// The answer of `POST /api/v1/users`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteReply {
    /// Who is invited.
    pub username: UserName,
    /// The code, good once.
    pub code: Secret,
    /// When it expires, seconds of Unix time.
    pub expires_at: u64,
}

/// `POST /api/v1/users/accept`: uses an invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// The code.
    pub code: Secret,
    /// The password that the person chooses.
    pub password: Secret,
}

/// The answer of `POST /api/v1/users/accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptReply {
    /// Who was invited and can now log in.
    pub username: UserName,
}

/// `POST /api/v1/users/{username}/password`: changes one's own password and ends one's other sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The password so far.
    pub current: Secret,
    /// The new one.
    pub password: Secret,
}

/// What was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// For a script: shown as a bearer token.
    Api,
    /// For a guest: a link that a browser exchanges for a cookie.
    Guest,
}

impl TokenKind {
    /// The word in the API and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Guest => "guest",
        }
    }
}

/// `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintRequest {
    /// API token or guest link.
    pub kind: TokenKind,
    /// What it is called, for people: 1 to [`MAX_TOKEN_NAME`] characters.
    pub name: String,
    /// What it may do: no more than whoever mints it may.
    pub scope: ScopeSet,
    /// From when, seconds of Unix time; from now otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// Until when, seconds of Unix time; at most [`MAX_TOKEN_LIFE`] from its beginning.
    pub expires_at: u64,
    /// How many commands it may give; any number otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
}

/// An API token or guest link, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its id.
    pub jti: String,
    /// API token or guest link.
    pub kind: TokenKind,
    /// What it is called.
    pub name: String,
    /// Who minted it.
    pub creator: String,
    /// What it may do at most.
    pub scope: ScopeSet,
    /// From when, seconds of Unix time.
    pub not_before: u64,
    /// Until when, seconds of Unix time.
    pub expires_at: u64,
    /// How many commands it may give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// How many it gave, where that is counted.
    pub uses: u32,
    /// When it was minted, milliseconds of Unix time.
    pub created_ms: u64,
    /// When it was last used for a command, milliseconds of Unix time, as far as the audit log goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<u64>,
    /// When it was revoked, milliseconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
}

/// The answer of `POST /api/v1/tokens`: the only time that the token is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MintReply {
    /// What was minted.
    pub token: TokenView,
    /// The bearer token, of an API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// `https://HOST/s/SITE/#guest=…`, of a guest link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Secret>,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; later ones are higher, by one each.
    pub seq: u64,
    /// When, milliseconds of Unix time.
    pub at_ms: u64,
    /// Who: a user name, `ISSUER#SUBJECT`, `device:NAME` or `site:reconcile`.
    pub actor: String,
    /// By which token, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// What, as a stable word: `command`, `login`, `invite`, `mint`, and so on.
    pub act: String,
    /// On what: `DEVICE/LINE:ACTION`, a device, a user name or a token's id.
    pub target: String,
    /// `done`, a command's final status or a problem code; `amended_…` where a late report corrected it.
    pub outcome: String,
    /// SHA-256 over the entry before and this one, in hexadecimal digits.
    pub hash: String,
}

/// The end of the audit log's hash chain. Whoever keeps one can prove later that nothing before was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The last entry's number.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The end of the chain; absent while the log is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<AuditHead>,
    /// `before` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// How long entries are kept, in days.
    pub keep_days: u32,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Older than this number.
    pub before: Option<u64>,
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this act.
    pub act: Option<String>,
    /// On targets that begin so.
    pub target: Option<String>,
    /// Of this outcome.
    pub outcome: Option<String>,
    /// Not older, milliseconds of Unix time.
    pub since_ms: Option<u64>,
    /// Older, milliseconds of Unix time.
    pub until_ms: Option<u64>,
}

/// `PUT /api/v1/audit/retention`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRequest {
    /// How long entries are kept, in days.
    pub days: u32,
}
