//! The audit log: who, by which token, what, when, outcome. Never a token or a secret.

use pinlatch_protocol::scope::SiteRight;
use serde::{Deserialize, Serialize};

use crate::Site;
use crate::failure::Failure;
use crate::principal::Principal;
use crate::store::StoreError;

/// The most entries that one page of the log holds.
pub const MAX_AUDIT_PAGE: u32 = 500;

/// How many of the last entries are looked at before a repeatable one is written.
const REPEAT_WINDOW: u32 = 64;

/// How many repeatable entries of one actor, act and outcome are written in one period.
const REPEAT_MOST: i64 = 10;

/// The period in which a refused attempt is written once, in milliseconds.
pub(crate) const REFUSALS_MS: u64 = 60_000;

/// The period in which a device's odd message is written once, in milliseconds.
const ODDITIES_MS: u64 = 3_600_000;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; later ones are higher.
    pub seq: u64,
    /// When, milliseconds of Unix time.
    pub at_ms: u64,
    /// Who: a user name, `ISSUER#SUBJECT`, `device:NAME` or `site:reconcile`.
    pub actor: String,
    /// By which token, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// What: `command`, `setup`, `login`, `logout`, `refresh_reuse`, `enrolment`, `enrol`,
    /// `device_removal`, `generation`, `audit` or `odd_message`.
    pub act: String,
    /// On what: `DEVICE/LINE:ACTION`, a device or a user name.
    pub target: String,
    /// `done`, a command's final status or a problem code; `amended_…` where a late report corrected it.
    pub outcome: String,
}

/// Who acts, for the log.
pub(crate) struct Actor<'a> {
    pub name: &'a str,
    pub jti: Option<&'a str>,
}

impl Site<'_> {
    pub(crate) fn audit(
        &self,
        actor: Actor<'_>,
        act: &str,
        target: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO audit (at_ms, actor, jti, act, target, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                self.now_ms.into(),
                actor.name.into(),
                actor.jti.into(),
                act.into(),
                target.into(),
                outcome.into(),
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

    /// Writes an entry that whoever holds a token (or a device) can provoke at will. One like it within
    /// the period is enough, so that nobody fills the log, or spends the day's writes, by knocking.
    pub(crate) fn audit_repeatable(
        &self,
        period_ms: u64,
        actor: Actor<'_>,
        act: &str,
        target: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let sql = "SELECT count(*), sum(target = ?5)
            FROM (SELECT * FROM audit ORDER BY seq DESC LIMIT ?6)
            WHERE at_ms > ?1 AND actor = ?2 AND act = ?3 AND outcome = ?4";
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

    /// Notes, once, that a device said something it should not have.
    pub(crate) fn audit_odd(&self, device: &str, what: &str) -> Result<(), StoreError> {
        let name = format!("device:{device}");
        self.audit_repeatable(ODDITIES_MS, Actor { name: &name, jti: None }, "odd_message", device, what)
    }

    pub(crate) fn read_audit(
        &self,
        principal: &Principal,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Failure> {
        self.require_site(principal, SiteRight::Audit, "audit", "audit")?;
        let rows = self.run(
            "SELECT seq, at_ms, actor, jti, act, target, outcome FROM audit
             WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
            &[before.unwrap_or(u64::MAX).into(), limit.clamp(1, MAX_AUDIT_PAGE).into()],
        )?;
        let entries = rows.iter().map(|row| {
            Ok(AuditEntry {
                seq: row.uint(0)?,
                at_ms: row.uint(1)?,
                actor: row.text(2)?.into(),
                jti: row.opt_text(3)?.map(Into::into),
                act: row.text(4)?.into(),
                target: row.text(5)?.into(),
                outcome: row.text(6)?.into(),
            })
        });
        Ok(entries.collect::<Result<_, StoreError>>()?)
    }
}
