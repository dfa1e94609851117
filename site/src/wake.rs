//! Timers: the work that is due, and the time of the next work. All work can run late or several times.

use pinlatch_protocol::SILENCE_LIMIT_MS;

use crate::Site;
use crate::agent::KEEP_NONCES_MS;
use crate::command::KEEP_COMMANDS_MS;
use crate::store::StoreError;
use crate::tokens::KEEP_TOKENS_MS;

/// Expired rows are deleted on the full hour, so that an idle site is rarely woken.
const PURGE_EVERY_MS: u64 = 3_600_000;

/// Maximum number of rows per table that one purge deletes. The remaining rows are deleted in later events.
const PURGE_MOST: u32 = 500;

/// How long an ended or expired login is stored, in milliseconds, so that it can be distinguished from an unknown
/// login. This is longer than the lifetime of the last access token of the login.
const KEEP_FAMILIES_MS: u64 = 3_600_000;

impl Site<'_> {
    pub(crate) fn do_what_is_due(&mut self) -> Result<(), StoreError> {
        self.give_up_silent_commands()?;
        self.end_silent_connections()?;
        if self.next_purge()?.is_some_and(|at_ms| at_ms <= self.now_ms) {
            self.purge()?;
        }
        Ok(())
    }

    pub(crate) fn next_due(&self, panels_open: bool) -> Result<Option<u64>, StoreError> {
        let presence = if panels_open { self.next_presence_check()? } else { None };
        Ok([self.next_give_up()?, presence, self.next_purge()?].into_iter().flatten().min())
    }

    /// When the first connected device exceeds the silence limit, if it gives no further sign of life. Signs of life do
    /// not wake the site, so this time is computed again when the timer fires. If no panel is open, no check is needed.
    fn next_presence_check(&self) -> Result<Option<u64>, StoreError> {
        let silent_at = |sign: Option<u64>| match sign {
            Some(at_ms) => at_ms.saturating_add(SILENCE_LIMIT_MS + 1),
            None => self.now_ms,
        };
        let checks =
            self.connected_devices()?.into_iter().map(|device| silent_at(self.sign_of_life(&device)));
        Ok(checks.min())
    }

    /// The first full hour after a row expires. The newest command and the newest audit entry are never deleted,
    /// because the next numbers are computed from them.
    fn next_purge(&self) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT
            (SELECT accepted_ms FROM commands WHERE seq = (SELECT min(seq) FROM commands)
                AND seq < (SELECT max(seq) FROM commands)),
            (SELECT at_ms FROM audit WHERE seq = (SELECT min(seq) FROM audit)
                AND seq < (SELECT max(seq) FROM audit)),
            (SELECT min(at_ms) FROM connection_nonces),
            (SELECT min(min(expires_ms, coalesce(ended_ms, expires_ms))) FROM families),
            (SELECT min(expires_ms) FROM codes WHERE device IS NOT NULL OR username IS NOT NULL),
            (SELECT min(until_ms) FROM revoked),
            (SELECT min(exp) FROM tokens)";
        let Some(row) = self.row(sql, &[])? else { return Ok(None) };
        let keep_audit_ms = self.keep_audit_ms()?;
        let keep_ms =
            [KEEP_COMMANDS_MS, keep_audit_ms, KEEP_NONCES_MS, KEEP_FAMILIES_MS, 0, 0, KEEP_TOKENS_MS];
        const TOKENS: usize = 6;
        let mut first = None;
        for (column, keep_ms) in keep_ms.into_iter().enumerate() {
            // The expiry of a token is in seconds, because the value in milliseconds can exceed the largest number that
            // can be stored.
            let unit = if column == TOKENS { 1000 } else { 1 };
            let due = row.opt_uint(column)?.map(|at| at.saturating_mul(unit).saturating_add(keep_ms));
            first = [first, due].into_iter().flatten().min();
        }
        Ok(first.map(|at_ms: u64| (at_ms / PURGE_EVERY_MS).saturating_add(1).saturating_mul(PURGE_EVERY_MS)))
    }

    fn purge(&self) -> Result<(), StoreError> {
        let before = |keep_ms: u64| self.now_ms.saturating_sub(keep_ms).into();
        self.run(
            "DELETE FROM commands WHERE accepted_ms <= ?1 AND status <> 'delivered'
             AND seq < (SELECT max(seq) FROM commands)
             AND seq < (SELECT min(seq) FROM commands) + ?2",
            &[before(KEEP_COMMANDS_MS), PURGE_MOST.into()],
        )?;
        // Entries are deleted from the oldest on, even if the clock was changed, because a gap breaks the chain.
        self.run(
            "DELETE FROM audit WHERE seq < (SELECT max(seq) FROM audit)
             AND seq < (SELECT min(seq) FROM audit) + ?2
             AND seq < coalesce((SELECT min(seq) FROM audit WHERE at_ms > ?1), seq + 1)",
            &[before(self.keep_audit_ms()?), PURGE_MOST.into()],
        )?;
        self.run("DELETE FROM connection_nonces WHERE at_ms <= ?1", &[before(KEEP_NONCES_MS)])?;
        self.run(
            "DELETE FROM families WHERE expires_ms <= ?1 OR ended_ms <= ?1",
            &[before(KEEP_FAMILIES_MS)],
        )?;
        self.run(
            "DELETE FROM codes WHERE (device IS NOT NULL OR username IS NOT NULL) AND expires_ms <= ?1",
            &[before(0)],
        )?;
        self.run("DELETE FROM tokens WHERE exp * 1000 <= ?1", &[before(KEEP_TOKENS_MS)])?;
        self.run("DELETE FROM revoked WHERE until_ms <= ?1", &[before(0)])?;
        Ok(())
    }
}
