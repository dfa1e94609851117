//! Writes and reads the audit log. Each audit entry contains the actor, the token id, the action, the target, the time
//! and the outcome. The audit log never contains a token or a secret.

use pinlatch_protocol::admin::{
    AuditEntry, AuditFilter, AuditHead, AuditPage, MAX_AUDIT_PAGE, RETENTION_DAYS,
};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Role, SiteRight};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::{DAY_MS, Site};

/// How many of the latest audit entries are searched for equal entries before a repeatable entry is written.
const REPEAT_WINDOW: u32 = 64;

/// The maximum number of audit entries that one call reads. If the filter matches few of them, the page can be empty
/// although older entries follow.
pub(crate) const MAX_READ: u64 = 25_000;

/// The maximum number of repeatable audit entries with the same actor, action and outcome in one period.
const REPEAT_MOST: i64 = 10;

/// The period in which equal refusals are logged only once, in milliseconds.
pub(crate) const REFUSALS_MS: u64 = 60_000;

/// The period in which equal invalid messages of a device are logged only once, in milliseconds.
const ODDITIES_MS: u64 = 3_600_000;

/// The maximum length of each text in an audit entry, in characters. All valid names are shorter than the maximum
/// length.
const MAX_TEXT: usize = 256;

/// The actor of an audit entry: a person, a token, a device or the site itself.
pub(crate) struct Actor<'a> {
    pub name: &'a str,
    pub jti: Option<&'a str>,
}

columns!(AuditEntry { seq, at_ms, actor, jti, act, target, outcome, hash });
columns!(AuditHead { seq, hash });

impl Site<'_> {
    /// Returns the newest entry of the audit log.
    fn audit_head(&self) -> Result<Option<AuditHead>, StoreError> {
        let sql = format!("SELECT {} FROM audit WHERE seq = (SELECT max(seq) FROM audit)", AuditHead::LIST);
        self.row(&sql, &[])?.as_ref().map(AuditHead::read).transpose()
    }

    pub(crate) fn audit(
        &self,
        actor: Actor<'_>,
        act: &str,
        target: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let head = self.audit_head()?;
        let (last, before) = head.as_ref().map_or((0, ""), |head| (head.seq, head.hash.as_str()));
        let (name, jti, target) = (clip(actor.name), actor.jti.map(clip), clip(target));
        let (actor, target) = (Actor { name: &name, jti: jti.as_deref() }, target.as_str());
        let seq = last.saturating_add(1);
        let hash = link(before, seq, self.now_ms, &actor, [act, target, outcome]);
        self.run(
            "INSERT INTO audit (seq, at_ms, actor, jti, act, target, outcome, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                seq.into(),
                self.now_ms.into(),
                actor.name.into(),
                actor.jti.into(),
                act.into(),
                target.into(),
                outcome.into(),
                hash.into(),
            ],
        )?;
        Ok(())
    }

    pub(crate) fn audit_by(
        &self,
        principal: &Principal,
        act: &str,
        target: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        self.audit(Actor { name: &principal.actor(), jti: Some(&principal.jti) }, act, target, outcome)
    }

    /// Writes an audit entry that any caller with a token, or any device, can cause any number of times. Only one of
    /// several equal audit entries is written in each period. Repeated attempts therefore cannot fill the audit log or
    /// use up the daily write quota.
    pub(crate) fn audit_repeatable(
        &self,
        period_ms: u64,
        actor: Actor<'_>,
        act: &str,
        target: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let sql = "SELECT count(*), sum(target = ?5)
            FROM audit WHERE seq > (SELECT max(seq) FROM audit) - ?6 AND at_ms > ?1 AND actor = ?2 AND act = ?3 AND outcome = ?4";
        let (name, target) = (clip(actor.name), clip(target));
        let (actor, target) = (Actor { name: &name, jti: actor.jti }, target.as_str());
        let since = self.now_ms.saturating_sub(period_ms);
        let row = self.row(
            sql,
            &[
                since.into(),
                actor.name.into(),
                act.into(),
                outcome.into(),
                target.into(),
                REPEAT_WINDOW.into(),
            ],
        )?;
        if let Some(row) = row
            && (row.int(0)? >= REPEAT_MOST || row.opt_int(1)?.unwrap_or(0) > 0)
        {
            return Ok(());
        }
        self.audit(actor, act, target, outcome)
    }

    /// Writes an audit entry for an invalid message of a device. Equal entries are written only once per period.
    pub(crate) fn audit_odd(&self, device: &str, what: &str) -> Result<(), StoreError> {
        let name = format!("device:{device}");
        self.audit_repeatable(ODDITIES_MS, Actor { name: &name, jti: None }, "odd_message", device, what)
    }

    pub(crate) fn read_audit(
        &self,
        principal: &Principal,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<AuditPage, Failure> {
        self.require_site(principal, SiteRight::Audit, "audit", "audit")?;
        let limit = limit.clamp(1, MAX_AUDIT_PAGE);
        let head = self.audit_head()?;
        let last = head.as_ref().map_or(0, |head| head.seq);
        // A rare filter must not read the whole log in one call.
        let before = filter.before.unwrap_or(u64::MAX).min(last.saturating_add(1));
        let from = before.saturating_sub(MAX_READ);
        let rows = self.run(
            &format!(
                "SELECT {} FROM audit
             WHERE seq < ?1 AND seq >= ?9 AND at_ms >= ?2 AND at_ms < ?3 AND (?4 IS NULL OR actor = ?4)
             AND (?5 IS NULL OR act = ?5) AND (?6 IS NULL OR substr(target, 1, length(?6)) = ?6)
             AND (?7 IS NULL OR outcome = ?7)
             ORDER BY seq DESC LIMIT ?8",
                AuditEntry::LIST
            ),
            &[
                before.into(),
                filter.since_ms.unwrap_or(0).into(),
                filter.until_ms.unwrap_or(u64::MAX).into(),
                filter.actor.as_deref().into(),
                filter.act.as_deref().into(),
                filter.target.as_deref().into(),
                filter.outcome.as_deref().into(),
                // The query reads one more row than requested, to find out whether another page follows.
                (limit + 1).into(),
                from.into(),
            ],
        )?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let entries: Vec<AuditEntry> =
            rows.iter().take(page).map(AuditEntry::read).collect::<Result<_, StoreError>>()?;
        let next = match entries.last() {
            Some(entry) if rows.len() > page => Some(entry.seq),
            _ if self.has_audit_before(from, filter)? => Some(from),
            _ => None,
        };
        let keep_days = u32::try_from(self.keep_audit_ms()? / DAY_MS).unwrap_or(u32::MAX);
        Ok(AuditPage { entries, head, next, keep_days })
    }

    /// Returns whether the audit log contains entries before a sequence number that can match the filter.
    fn has_audit_before(&self, seq: u64, filter: &AuditFilter) -> Result<bool, StoreError> {
        let sql = "SELECT at_ms FROM audit WHERE seq = (SELECT max(seq) FROM audit WHERE seq < ?1)";
        let at_ms = self.row(sql, &[seq.into()])?.map(|row| row.uint(0)).transpose()?;
        Ok(at_ms.is_some_and(|at_ms| at_ms >= filter.since_ms.unwrap_or(0)))
    }

    /// Returns how long audit entries are stored, in milliseconds. If the owner has not set a retention time, the
    /// configured default applies.
    pub(crate) fn keep_audit_ms(&self) -> Result<u64, StoreError> {
        let row = self.row("SELECT keep_days FROM meta", &[])?;
        let days = row.map(|row| row.opt_uint(0)).transpose()?.flatten();
        Ok(days.map_or(self.config.keep_audit_ms, |days| days.saturating_mul(DAY_MS)))
    }

    pub(crate) fn retain(&mut self, principal: &Principal, days: u32) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Audit, "retention", "audit")?;
        if self.rights(principal)?.role != Some(Role::Owner) {
            return Err(self.beyond(
                principal,
                "retention",
                "audit",
                "only an owner can change how long the audit log is kept",
            ));
        }
        if !RETENTION_DAYS.contains(&days) {
            let range = format!("`days` must be from {} to {}", RETENTION_DAYS.start(), RETENTION_DAYS.end());
            return Err(Problem::new(Code::InvalidRequest).detail(range).into());
        }
        if u64::from(days).saturating_mul(DAY_MS) < self.keep_audit_ms()? {
            self.require_proof(principal)?;
        }
        self.run("UPDATE meta SET keep_days = ?1", &[days.into()])?;
        self.audit_by(principal, "retention", "audit", &format!("{days}_days"))?;
        Ok(())
    }
}

/// Removes control characters from a text, and shortens the text. As a result, untrusted text is safe in the audit log
/// and on a terminal.
fn clip(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(MAX_TEXT).collect()
}

/// Computes the hash of an audit entry: the SHA-256 of a JSON array, in hexadecimal digits. The JSON array contains the
/// hash of the previous entry and the fields of the audit entry. Common tools can therefore verify the chain of hashes.
fn link(before: &str, seq: u64, at_ms: u64, actor: &Actor<'_>, words: [&str; 3]) -> String {
    let [act, target, outcome] = words;
    let entry = json!([before, seq, at_ms, actor.name, actor.jti, act, target, outcome]).to_string();
    Sha256::digest(entry.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
