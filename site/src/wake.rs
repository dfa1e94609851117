//! Handles timers. The module `wake` does the work that is due, and computes when work is due next. It is safe to run
//! due work late or several times.

use pinlatch_protocol::SILENCE_LIMIT_MS;

use crate::accounts::tokens::KEEP_TOKENS_MS;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::devices::agent::KEEP_NONCES_MS;
use crate::devices::command::KEEP_COMMANDS_MS;
use crate::site::Site;

/// The interval between two deletions of expired rows, in milliseconds. Expired rows are deleted only on the full hour,
/// so an idle site is rarely woken.
const PURGE_EVERY_MS: u64 = 3_600_000;

/// The maximum number of commands, and of audit entries, that one purge deletes. Later purges delete the remaining
/// rows.
const PURGE_MOST: u32 = 500;

/// How long the site stores a login that has ended or expired, in milliseconds. During this time, the site can
/// distinguish the login from an unknown login. An access token of the login is valid for a shorter time.
const KEEP_FAMILIES_MS: u64 = 3_600_000;

/// The times of the oldest row of each table, in milliseconds.
struct Oldest {
    command_ms: Option<u64>,
    audit_ms: Option<u64>,
    nonce_ms: Option<u64>,
    family_ms: Option<u64>,
    code_ms: Option<u64>,
    revoked_ms: Option<u64>,
    rate_ms: Option<u64>,
    limited_ms: Option<u64>,
    /// The expiry of a token is stored in seconds, because the value in milliseconds can exceed the largest number that
    /// the database can store.
    token_exp: Option<u64>,
}

columns!(Oldest {
    command_ms,
    audit_ms,
    nonce_ms,
    family_ms,
    code_ms,
    revoked_ms,
    rate_ms,
    limited_ms,
    token_exp
});

impl Site<'_> {
    pub(crate) fn do_what_is_due(&mut self) -> Result<(), StoreError> {
        self.give_up_silent_commands()?;
        self.publish_waiting_levels()?;
        self.report_hidden_changes();
        self.end_silent_connections()?;
        if self.next_purge()?.is_some_and(|at_ms| at_ms <= self.now_ms) {
            self.purge()?;
        }
        Ok(())
    }

    pub(crate) fn next_due(&self, panels_open: bool) -> Result<Option<u64>, StoreError> {
        let presence = if panels_open { self.next_presence_check()? } else { None };
        let hidden = self.links.memory().hidden.next_due();
        let due = [self.next_give_up()?, self.next_waiting_level()?, hidden, presence, self.next_purge()?];
        Ok(due.into_iter().flatten().min())
    }

    /// Returns the time at which the first connected device exceeds the silence limit, if the device stays inactive.
    /// Activity does not wake the site, so the time is computed again when the timer expires. The site checks the
    /// presence of devices only while a panel is open.
    fn next_presence_check(&self) -> Result<Option<u64>, StoreError> {
        let silent_at = |sign: Option<u64>| match sign {
            Some(at_ms) => at_ms.saturating_add(SILENCE_LIMIT_MS + 1),
            None => self.now_ms,
        };
        let checks =
            self.connected_devices()?.into_iter().map(|device| silent_at(self.sign_of_life(&device)));
        Ok(checks.min())
    }

    /// Returns the first full hour after a row expires. The newest command and the newest audit entry are never
    /// deleted, because the next sequence numbers are computed from the newest rows.
    fn next_purge(&self) -> Result<Option<u64>, StoreError> {
        let sql = format!(
            "SELECT {} FROM (SELECT
            (SELECT accepted_ms FROM commands WHERE seq = (SELECT min(seq) FROM commands)
                AND seq < (SELECT max(seq) FROM commands)) AS command_ms,
            (SELECT at_ms FROM audit WHERE seq = (SELECT min(seq) FROM audit)
                AND seq < (SELECT max(seq) FROM audit)) AS audit_ms,
            (SELECT min(at_ms) FROM connection_nonces) AS nonce_ms,
            (SELECT min(expires_ms, coalesce(ended_ms, expires_ms)) AS end_ms FROM families
                ORDER BY end_ms LIMIT 1) AS family_ms,
            (SELECT min(expires_ms) FROM codes WHERE device IS NOT NULL OR username IS NOT NULL) AS code_ms,
            (SELECT min(until_ms) FROM revoked) AS revoked_ms,
            (SELECT free_ms FROM rates LIMIT 1) AS rate_ms,
            (SELECT min(since_ms) FROM limited_lines) AS limited_ms,
            (SELECT min(exp) FROM tokens) AS token_exp)",
            Oldest::LIST
        );
        let Some(row) = self.row(&sql, &[])? else { return Ok(None) };
        let oldest = Oldest::read(&row)?;
        let keep_audit_ms = self.keep_audit_ms()?;
        let first = [
            oldest.command_ms.map(|at| at.saturating_add(KEEP_COMMANDS_MS)),
            oldest.audit_ms.map(|at| at.saturating_add(keep_audit_ms)),
            oldest.nonce_ms.map(|at| at.saturating_add(KEEP_NONCES_MS)),
            oldest.family_ms.map(|at| at.saturating_add(KEEP_FAMILIES_MS)),
            oldest.code_ms,
            oldest.revoked_ms,
            oldest.rate_ms,
            oldest.limited_ms,
            oldest.token_exp.map(|exp| exp.saturating_mul(1000).saturating_add(KEEP_TOKENS_MS)),
        ];
        let first = first.into_iter().flatten().min();
        Ok(first.map(|at_ms| (at_ms / PURGE_EVERY_MS).saturating_add(1).saturating_mul(PURGE_EVERY_MS)))
    }

    fn purge(&self) -> Result<(), StoreError> {
        let before = |keep_ms: u64| self.now_ms.saturating_sub(keep_ms).into();
        self.run(
            "DELETE FROM commands WHERE accepted_ms <= ?1 AND status <> 'delivered'
             AND seq < (SELECT max(seq) FROM commands)
             AND seq < (SELECT min(seq) FROM commands) + ?2",
            &[before(KEEP_COMMANDS_MS), PURGE_MOST.into()],
        )?;
        // Audit entries are deleted in order, starting with the oldest entry, even if the clock was changed. A gap
        // would break the chain of hashes.
        self.run(
            "DELETE FROM audit WHERE seq < (SELECT max(seq) FROM audit)
             AND seq < (SELECT min(seq) FROM audit) + ?2
             AND seq < coalesce((SELECT min(seq) FROM audit WHERE at_ms > ?1), seq + 1)",
            &[before(self.keep_audit_ms()?), PURGE_MOST.into()],
        )?;
        // The last command of a line names its sender, so it is stored no longer than its audit entry.
        self.run(
            "UPDATE lines SET last = NULL WHERE json_extract(last, '$.at_ms') <= ?1",
            &[before(self.keep_audit_ms()?)],
        )?;
        self.run("DELETE FROM connection_nonces WHERE at_ms <= ?1", &[before(KEEP_NONCES_MS)])?;
        self.run(
            "DELETE FROM families WHERE min(expires_ms, coalesce(ended_ms, expires_ms)) <= ?1",
            &[before(KEEP_FAMILIES_MS)],
        )?;
        self.run(
            "DELETE FROM codes WHERE (device IS NOT NULL OR username IS NOT NULL) AND expires_ms <= ?1",
            &[before(0)],
        )?;
        let expired = self.now_ms.saturating_sub(KEEP_TOKENS_MS) / 1000;
        self.run("DELETE FROM tokens WHERE exp <= ?1", &[expired.into()])?;
        self.report_dropped_events()?;
        self.run("DELETE FROM rates WHERE free_ms <= ?1", &[before(0)])?;
        self.run("DELETE FROM revoked WHERE until_ms <= ?1", &[before(0)])?;
        Ok(())
    }
}
