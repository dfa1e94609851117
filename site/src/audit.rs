//! Writes and reads the audit log. Each audit entry contains the actor, the token id, the action, the target, the time
//! and the outcome. The audit log never contains a token or a secret.

use pinlatch_protocol::admin::TOKEN_SUBJECT_PREFIX;
use pinlatch_protocol::audit::{
    AUDIT_VERSION, AuditEntry, AuditFilter, AuditHead, AuditPage, MAX_AUDIT_PAGE, RETENTION_DAYS,
};
use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Role, SiteRight};
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

/// The part of an audit entry that only commands have. The arguments of the action are canonical JSON, and come from a
/// parsed action, so they are short.
#[derive(Clone, Copy, Default)]
pub(crate) struct CommandDetails<'a> {
    pub kind: Option<LineKind>,
    pub args: Option<&'a str>,
    /// The maximum uses of a token that is used up.
    pub max_uses: Option<u64>,
    /// The device's receipt for the command.
    pub receipt: Option<&'a str>,
    /// The report about a rule.
    pub run: Option<RunNumber<'a>>,
}

/// The number and the time of a report about a rule.
#[derive(Clone, Copy)]
pub(crate) struct RunNumber<'a> {
    pub boot: &'a str,
    pub n: u64,
    pub happened_ms: Option<u64>,
}

columns!(AuditEntry {
    seq,
    at_ms,
    version,
    actor,
    jti,
    act,
    target,
    outcome,
    actor_name,
    actor_kind,
    line_kind,
    args,
    target_name,
    target_kind,
    max_uses,
    receipt,
    happened_ms,
    boot,
    n,
    hash,
});
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
        self.audit_command(actor, act, target, outcome, CommandDetails::default())
    }

    /// Writes an audit entry with the details of a command. The names of tokens are stored in the entry, because the
    /// site deletes a token some time after its end.
    pub(crate) fn audit_command(
        &self,
        actor: Actor<'_>,
        act: &str,
        target: &str,
        outcome: &str,
        details: CommandDetails<'_>,
    ) -> Result<(), StoreError> {
        let head = self.audit_head()?;
        let (last, before) = head.as_ref().map_or((0, ""), |head| (head.seq, head.hash.as_str()));
        let acting = self.named_token(actor.name.strip_prefix(TOKEN_SUBJECT_PREFIX))?;
        let made = self.named_token(["mint", "revoke"].contains(&act).then_some(target))?;
        let mut entry = AuditEntry {
            seq: last.saturating_add(1),
            at_ms: self.now_ms,
            version: Some(AUDIT_VERSION),
            actor: clip(actor.name),
            jti: actor.jti.map(clip),
            act: act.into(),
            target: clip(target),
            outcome: outcome.into(),
            line_kind: details.kind.map(|kind| kind.as_str().into()),
            args: details.args.map(clip),
            max_uses: details.max_uses.and_then(|uses| u32::try_from(uses).ok()),
            receipt: details.receipt.map(Into::into),
            happened_ms: details.run.and_then(|run| run.happened_ms),
            boot: details.run.map(|run| run.boot.into()),
            n: details.run.map(|run| run.n),
            ..AuditEntry::default()
        };
        (entry.actor_name, entry.actor_kind) = acting.unzip();
        (entry.target_name, entry.target_kind) = made.unzip();
        let text = entry.hashed_text(before).unwrap_or_default();
        entry.hash = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.run(
            &format!(
                "INSERT INTO audit ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
                AuditEntry::LIST
            ),
            &[
                entry.seq.into(),
                entry.at_ms.into(),
                entry.version.into(),
                entry.actor.into(),
                entry.jti.into(),
                entry.act.into(),
                entry.target.into(),
                entry.outcome.into(),
                entry.actor_name.into(),
                entry.actor_kind.into(),
                entry.line_kind.into(),
                entry.args.into(),
                entry.target_name.into(),
                entry.target_kind.into(),
                entry.max_uses.into(),
                entry.receipt.into(),
                entry.happened_ms.into(),
                entry.boot.into(),
                entry.n.into(),
                entry.hash.into(),
            ],
        )?;
        Ok(())
    }

    /// Returns the name and the kind of an issued token.
    fn named_token(&self, jti: Option<&str>) -> Result<Option<(String, String)>, StoreError> {
        let Some(jti) = jti else { return Ok(None) };
        let row = self.row("SELECT name, kind FROM tokens WHERE jti = ?1", &[jti.into()])?;
        row.map(|row| Ok((clip(row.text(0)?), row.text(1)?.to_owned()))).transpose()
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
        details: CommandDetails<'_>,
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
        self.audit_command(actor, act, target, outcome, details)
    }

    /// Writes an audit entry for an invalid message of a device. Equal entries are written only once per period.
    pub(crate) fn audit_odd(&self, device: &str, what: &str) -> Result<(), StoreError> {
        let name = format!("device:{device}");
        let actor = Actor { name: &name, jti: None };
        self.audit_repeatable(ODDITIES_MS, actor, "odd_message", device, what, CommandDetails::default())
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
             AND (?5 IS NULL OR act = ?5) AND (?6 IS NULL OR (substr(target, 1, length(?6)) = ?6
                  AND (substr(?6, -1) IN ('/', ':') OR substr(target, length(?6) + 1, 1) IN ('/', ':', ''))))
             AND (?7 IS NULL OR instr(?7, ',' || outcome || ',') > 0)
             AND (?10 IS NULL OR
                  instr(lower(replace(replace(target || ' ' || coalesce(target_name, ''), '-', ' '), '_', ' ')), ?10) > 0)
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
                filter.outcome.as_ref().map(|outcomes| format!(",{outcomes},")).into(),
                // The query reads one more row than requested, to find out whether another page follows.
                (limit + 1).into(),
                from.into(),
                filter.about.as_ref().map(|text| text.to_ascii_lowercase().replace(['-', '_'], " ")).into(),
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
