//! This module defines the entries of the audit log, the chain of their hashes, and the bodies of the calls that read the
//! audit log.

pub mod outcomes;
pub mod words;

use serde::{Deserialize, Serialize};
use serde_json::json;

/// The number of entries on a page of the audit log if the caller does not set `limit`.
pub const AUDIT_PAGE: u32 = 100;

/// The maximum number of entries on a page of the audit log.
pub const MAX_AUDIT_PAGE: u32 = 500;

/// The range of allowed retention periods of the audit log, in days.
pub const RETENTION_DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;

/// The version of the form of new audit entries.
pub const AUDIT_VERSION: u32 = 4;

/// The version in which entries got the fields from `actor_name` to `max_uses`.
const NAMES_VERSION: u32 = 2;

/// The version in which entries got the field `receipt`.
const RECEIPT_VERSION: u32 = 3;

/// One entry of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// The sequence number of the entry. Each entry's number is one higher than the previous entry's number.
    pub seq: u64,
    /// The time of the recorded event, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The version of the entry's form, which determines the input of `hash`. The field is absent for entries of the
    /// first version, which have none of the fields from `actor_name` to `max_uses`. Entries of version 3 and later can
    /// have the field `receipt`, and entries of version 4 the fields `happened_ms`, `boot` and `n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = NAMES_VERSION, max = AUDIT_VERSION)))]
    pub version: Option<u32>,
    /// The actor of the recorded event: a user name, `token:JTI`, `ISSUER#SUBJECT`, `device:NAME`, `rule:NAME` for a rule
    /// of a device, or `site:reconcile`.
    pub actor: String,
    /// The id (`jti`) of the token that the actor used. The field is absent if the actor used no token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The recorded action as a stable code, for example `command`, `login`, `invite` or `mint`.
    pub act: String,
    /// The target of the recorded action: `DEVICE/LINE:ACTION`, a device name, a user name or a token id.
    pub target: String,
    /// The result of the recorded action: `done`, the final status of a command, or a problem code. The prefix
    /// `amended_` means that a late report from the device corrected the status of a command.
    pub outcome: String,
    /// The name of the API token or guest link that acted, at the time of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// The kind of the token that acted: `api` or `guest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_kind: Option<String>,
    /// The kind of the line of a command, for example `switch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_kind: Option<String>,
    /// The arguments of a command, as JSON text. The arguments are text because the hash must not depend on how a
    /// program writes numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
    /// The name of the API token or guest link that was made or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// The kind of the token that was made or revoked: `api` or `guest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_kind: Option<String>,
    /// The maximum number of commands of the token, if the outcome is `used_up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// The outcome of a command as a `receipt+jwt` that the device signed. The edge does not verify the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(max = crate::agent::MAX_STATEMENT)))]
    pub receipt: Option<String>,
    /// The time at which a rule of a device ran, in milliseconds of Unix time, as the device estimates it. It can be long
    /// before `at_ms`, because a device reports later what its rules did without a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_ms: Option<u64>,
    /// The id of the agent's run in which a rule ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(min = 1, max = crate::rule::MAX_BOOT)))]
    pub boot: Option<String>,
    /// The number of the report about a rule in this run of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The SHA-256 hash of a JSON array, in hexadecimal digits. For an entry of version 4, the JSON array contains the
    /// text `pinlatch audit entry 4`, the hash of the previous entry, `seq`, `at_ms`, `actor`, `jti`, `act`, `target`,
    /// `outcome`, `actor_name`, `actor_kind`, `line_kind`, `args`, `target_name`, `target_kind`, `max_uses`, `receipt`,
    /// `happened_ms`, `boot` and `n`, with `null` for an absent field. For an entry of version 3, the text is `pinlatch
    /// audit entry 3`, and the JSON array ends with `receipt`. For an entry of version 2, the text is `pinlatch audit
    /// entry 2`, and the JSON array ends with `max_uses`. For an entry of the first version, the JSON array contains the
    /// hash of the previous entry, `seq`, `at_ms`, `actor`, `jti`, `act`, `target` and `outcome`.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{64})?$")))]
    pub hash: String,
}

impl AuditEntry {
    /// Returns the text whose SHA-256 hash is the hash of this entry. `before` is the hash of the previous entry, or an
    /// empty text for the first entry of a log.
    ///
    /// The result is `None` if the entry has no valid form: its version is unknown, or it has fields that its version
    /// does not have. No text of one version is a text of another version, because the first element of the array is
    /// the name of the version, or a hash in the first version.
    pub fn hashed_text(&self, before: &str) -> Option<String> {
        let Self { seq, at_ms, actor, jti, act, target, outcome, .. } = self;
        let Self { actor_name, actor_kind, line_kind, args, target_name, target_kind, max_uses, .. } = self;
        let Self { receipt, happened_ms, boot, n, .. } = self;
        let mut array = match self.version {
            None => vec![json!(before)],
            Some(NAMES_VERSION..=AUDIT_VERSION) => {
                let version = self.version.unwrap_or_default();
                vec![json!(format!("pinlatch audit entry {version}")), json!(before)]
            }
            Some(_) => return None,
        };
        array.extend([
            json!(seq),
            json!(at_ms),
            json!(actor),
            json!(jti),
            json!(act),
            json!(target),
            json!(outcome),
        ]);
        let names = [actor_name, actor_kind, line_kind, args, target_name, target_kind];
        let names = names.into_iter().map(|name| json!(name)).chain([json!(max_uses)]).collect::<Vec<_>>();
        let added = [
            (NAMES_VERSION, names),
            (RECEIPT_VERSION, vec![json!(receipt)]),
            (AUDIT_VERSION, vec![json!(happened_ms), json!(boot), json!(n)]),
        ];
        for (since, fields) in added {
            if self.version.is_some_and(|version| version >= since) {
                array.extend(fields);
            } else if fields.iter().any(|field| !field.is_null()) {
                return None;
            }
        }
        let array = serde_json::Value::from(array);
        Some(array.to_string())
    }
}

/// The number and the hash of the last audit entry. An owner can save the number and the hash to prove later that no
/// earlier entry was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditHead {
    /// The sequence number of the last audit entry.
    pub seq: u64,
    /// The hash of the last audit entry.
    pub hash: String,
}

/// One page of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditPage {
    /// The audit entries of this page. The newest entry is the first. If a filter matches few entries, a page can be
    /// empty although older pages follow.
    pub entries: Vec<AuditEntry>,
    /// The number and the hash of the log's last entry. The field is absent if the audit log is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<AuditHead>,
    /// The value of the query parameter `before` for the next page. The field is absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The number of days after which the site deletes an audit entry.
    pub keep_days: u32,
}

/// A filter for entries of the audit log. An absent field does not restrict the entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Selects the entries whose sequence number is lower than the given number.
    pub before: Option<u64>,
    /// Selects the entries of the given actor.
    pub actor: Option<String>,
    /// Selects the entries with the given action code.
    pub act: Option<String>,
    /// Selects the entries about the given device, line, person or token. `porch` also selects the lines of the device
    /// `porch`, and `porch/door` also selects the actions of this line.
    pub target: Option<String>,
    /// Selects the entries whose target, or the name of whose target, contains the given text. Upper case and lower case
    /// are equal, and so are a space, `-` and `_`.
    pub about: Option<String>,
    /// Selects the entries with one of the given outcomes, which are separated by commas.
    pub outcome: Option<String>,
    /// Selects the entries at or after the given time, in milliseconds of Unix time.
    pub since_ms: Option<u64>,
    /// Selects the entries before the given time, in milliseconds of Unix time.
    pub until_ms: Option<u64>,
}

/// The body of `PUT /api/v1/audit/retention`. The call sets how long the site stores audit entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RetentionRequest {
    /// The number of days for which the site stores an audit entry.
    #[cfg_attr(test, schemars(range(min = *RETENTION_DAYS.start(), max = *RETENTION_DAYS.end())))]
    pub days: u32,
}

#[cfg(test)]
mod tests;
