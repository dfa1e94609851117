//! Reports failed logins to the sites, as numbers. A gate reports at most once in each period, so a flood of failed
//! logins never becomes a flood of calls to a site. A report contains no text of a stranger: the failed logins with
//! unknown user names are one number.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::Problem;
use pinlatch_site::{Store, calls};
use worker::{Env, Result, State};

use crate::clock::now_ms;
use crate::config::Deployment;
use crate::objects::ask_site;
use crate::respond::fault;

/// The minimum time between two reports of a gate, in milliseconds. Each report soon after the last report doubles this
/// time, so that an attack of many days does not fill the audit log.
const FIRST_PERIOD_MS: u64 = if cfg!(feature = "test-hooks") { 1_000 } else { 60_000 };

/// The maximum time between two reports of a gate during an attack, in milliseconds.
const LONGEST_PERIOD_MS: u64 = 3_600_000;

/// The failed logins since the last report. The user name is empty in the row for all unknown user names.
pub const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS unreported (
    site TEXT NOT NULL, username TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (site, username)) STRICT, WITHOUT ROWID";

/// Counts failed logins, and reports them at the gate's next alarm.
#[derive(Default)]
pub struct Reporter {
    has_alarm: Cell<bool>,
    last_ms: Cell<u64>,
    period_ms: Cell<u64>,
}

impl Reporter {
    /// Counts a failed login. `username` is `None` if the account does not exist.
    pub async fn count(
        &self,
        state: &State,
        store: &dyn Store,
        site: &Name,
        username: Option<&UserName>,
    ) -> std::result::Result<(), Problem> {
        let sql = "INSERT INTO unreported (site, username, count) VALUES (?1, ?2, 1)
            ON CONFLICT DO UPDATE SET count = count + 1";
        let username = username.map_or("", UserName::as_str);
        store.run(sql, &[site.as_str().into(), username.into()]).map_err(|error| fault("gate", error))?;
        self.arm(state).await.map_err(|error| fault("alarm", error))
    }

    async fn arm(&self, state: &State) -> Result<()> {
        if self.has_alarm.get() {
            return Ok(());
        }
        let storage = state.storage();
        if storage.get_alarm().await?.is_none() {
            self.period_ms.set(next_period(self.period_ms.get(), self.last_ms.get(), now_ms()));
            storage.set_alarm(Duration::from_millis(self.period_ms.get())).await?;
        }
        self.has_alarm.set(true);
        Ok(())
    }

    /// Sends the counts to the sites. The counts of a site that does not answer are sent again later.
    pub async fn report(&self, env: &Env, state: &State, store: &dyn Store) -> Result<()> {
        self.has_alarm.set(false);
        self.last_ms.set(now_ms());
        let failed = |error| worker::Error::RustError(format!("gate: {error}"));
        let deployment = Deployment::of(env).map_err(|problem| problem.to_string())?;
        let rows = store.run("SELECT site, username, count FROM unreported", &[]).map_err(failed)?;
        let mut reports: BTreeMap<String, calls::LoginFailures> = BTreeMap::new();
        for row in rows {
            let (site, username) = (row.text(0).map_err(failed)?, row.text(1).map_err(failed)?);
            let count = row.uint(2).map_err(failed)?;
            let empty = || calls::LoginFailures { accounts: Vec::new(), unknown: 0 };
            let report = reports.entry(site.to_owned()).or_insert_with(empty);
            match UserName::new(username) {
                Ok(username) => report.accounts.push((username, count)),
                Err(_) => report.unknown += count,
            }
        }
        for (name, report) in reports {
            // A site that is no longer in the configuration must not become a Durable Object.
            if let Some(site) = deployment.sites().iter().find(|site| site.as_str() == name)
                && let Err(problem) = ask_site(env, site, report.clone()).await
            {
                worker::console_error!("gate: the site {site} did not accept a report: {problem}");
                self.arm(state).await?;
                continue;
            }
            self.clear(store, &name, &report).map_err(failed)?;
        }
        Ok(())
    }

    /// Subtracts the reported failed logins. More logins can have failed during the report.
    fn clear(
        &self,
        store: &dyn Store,
        site: &str,
        report: &calls::LoginFailures,
    ) -> std::result::Result<(), pinlatch_site::StoreError> {
        let accounts = report.accounts.iter().map(|(username, count)| (username.as_str(), *count));
        for (username, count) in accounts.chain([("", report.unknown)]) {
            let key = [site.into(), username.into(), count.into()];
            store.run("UPDATE unreported SET count = count - ?3 WHERE site = ?1 AND username = ?2", &key)?;
        }
        store.run("DELETE FROM unreported WHERE count <= 0", &[])?;
        Ok(())
    }
}

/// Returns the time until the next report, in milliseconds. `period_ms` is the time before the last report at
/// `last_ms`.
fn next_period(period_ms: u64, last_ms: u64, now_ms: u64) -> u64 {
    if now_ms < last_ms + 2 * period_ms {
        (2 * period_ms).clamp(FIRST_PERIOD_MS, LONGEST_PERIOD_MS)
    } else {
        FIRST_PERIOD_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_become_rare_during_an_attack() {
        assert_eq!(next_period(0, 0, 5_000_000), FIRST_PERIOD_MS);
        let second = next_period(FIRST_PERIOD_MS, 5_000_000, 5_000_001);
        assert_eq!(second, 2 * FIRST_PERIOD_MS);
        assert_eq!(next_period(LONGEST_PERIOD_MS, 5_000_000, 5_000_001), LONGEST_PERIOD_MS);
        assert_eq!(next_period(second, 5_000_000, 5_000_000 + 2 * second), FIRST_PERIOD_MS);
    }
}
