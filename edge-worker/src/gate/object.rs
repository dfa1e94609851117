//! The Durable Object of a gate, which verifies passwords. A gate stores the password hash and the failed logins of
//! each site and user name.

use std::cell::Cell;
use std::time::Duration;

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Row, Store};
use worker::{Delay, DurableObject, Env, Request, Response, Result, State, durable_object};

use super::call::GateCall;
use super::{password, slots};
use crate::clock::now_ms;
use crate::respond::fault;
use crate::site::SqlStore;

/// The number of failed logins before a waiting time starts, for one account and one IP address.
const FREE_FAILURES: i64 = 5;

/// The first waiting time after too many failed logins, in milliseconds. Each further failed login doubles the waiting
/// time.
const FIRST_WAIT_MS: u64 = 1_000;

/// The maximum waiting time after failed logins, in milliseconds.
const LONGEST_WAIT_MS: u64 = 300_000;

const SCHEMA: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS accounts (
        site TEXT NOT NULL, username TEXT NOT NULL, hash TEXT NOT NULL,
        PRIMARY KEY (site, username)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS failures (
        site TEXT NOT NULL, username TEXT NOT NULL, address TEXT NOT NULL,
        count INTEGER NOT NULL, until_ms INTEGER NOT NULL,
        PRIMARY KEY (site, username, address)) STRICT, WITHOUT ROWID",
    // Rows are removed by this column after each failed login.
    "CREATE INDEX IF NOT EXISTS failures_until ON failures (until_ms)",
];

/// How long a login pauses after its password hash is computed, in milliseconds. During the pause of a login, the
/// isolate handles the requests that arrived during the hash computation.
const GIVE_WAY_MS: u64 = 20;

/// How long failed logins are stored after the end of their waiting time, in milliseconds.
const FORGET_MS: u64 = 24 * 3_600_000;

/// A Durable Object that verifies passwords. The user name selects the gate, and a gate has no information about
/// permissions.
#[durable_object(fetch)]
pub struct GateObject {
    store: SqlStore,
    has_tables: Cell<bool>,
}

impl DurableObject for GateObject {
    fn new(state: State, _env: Env) -> Self {
        Self { store: SqlStore::new(&state), has_tables: Cell::new(false) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let outcome = match request.json::<GateCall>().await {
            Ok(call) => self.answer(call).await,
            Err(error) => Err(fault("gate", error)),
        };
        Response::from_json(&outcome)
    }
}

impl GateObject {
    async fn answer(&self, call: GateCall) -> std::result::Result<(), Problem> {
        if !self.has_tables.get() {
            for statement in SCHEMA {
                self.run(statement, &[])?;
            }
            self.has_tables.set(true);
        }
        match call {
            GateCall::Verify { site, username, password, address } => {
                self.verify(&site, &username, password, &address).await
            }
            GateCall::Set { site, username, password } => self.set(&site, &username, password).await,
        }
    }

    async fn verify(
        &self,
        site: &Name,
        username: &UserName,
        password: Secret,
        address: &str,
    ) -> std::result::Result<(), Problem> {
        let key = [site.as_str().into(), username.as_str().into(), address.into()];
        // The attempt counts as failed until its password is known to be correct. Attempts that arrive at the same time
        // are therefore all counted, and no more of them reach a hash than one after another.
        let count = self.count_attempt(&key)?;
        let turn = match take_turn().await {
            Ok(turn) => turn,
            Err(problem) => {
                self.take_back(&key)?;
                return Err(problem);
            }
        };
        let [site_key, username_key, _] = key.clone();
        let rows = self
            .run("SELECT hash FROM accounts WHERE site = ?1 AND username = ?2", &[site_key, username_key])?;
        let hash = rows.first().map(|row| row.text(0)).transpose().map_err(stored)?;
        let right = password::verify(&password, hash);
        give_way(turn).await;
        if right.map_err(|error| fault("argon2", error))? {
            self.run("DELETE FROM failures WHERE site = ?1 AND username = ?2 AND address = ?3", &key)?;
            return Ok(());
        }
        // The waiting time starts when the caller learns that the password is wrong.
        let [site_key, username_key, address_key] = key;
        self.run(
            "UPDATE failures SET until_ms = max(until_ms, ?4) WHERE site = ?1 AND username = ?2 AND address = ?3",
            &[site_key, username_key, address_key, wait_until(count, now_ms()).into()],
        )?;
        Err(Code::LoginFailed.into())
    }

    /// Counts an attempt, and returns the number of attempts since the last successful login. If the waiting time after
    /// earlier attempts has not ended, this function returns 429 `throttled` and counts nothing.
    fn count_attempt(&self, key: &[pinlatch_site::Value; 3]) -> std::result::Result<i64, Problem> {
        let now = now_ms();
        let failures = self.run(
            "SELECT count, until_ms FROM failures WHERE site = ?1 AND username = ?2 AND address = ?3",
            key,
        )?;
        let (count, until) = match failures.first() {
            Some(row) => (row.int(0).map_err(stored)?, row.uint(1).map_err(stored)?),
            None => (0, 0),
        };
        if let Some(wait) = until.checked_sub(now).filter(|wait| *wait > 0) {
            return Err(Problem::new(Code::Throttled)
                .detail("too many wrong passwords; wait before you try again")
                .retry_after(u32::try_from(wait.div_ceil(1000)).unwrap_or(u32::MAX)));
        }
        let count = count + 1;
        let [site, username, address] = key.clone();
        self.run("DELETE FROM failures WHERE until_ms < ?1", &[now.saturating_sub(FORGET_MS).into()])?;
        self.run(
            "INSERT INTO failures (site, username, address, count, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = excluded.count, until_ms = excluded.until_ms",
            &[site, username, address, count.into(), wait_until(count, now).into()],
        )?;
        Ok(count)
    }

    /// Removes the last attempt from the count, because its password was not checked.
    fn take_back(&self, key: &[pinlatch_site::Value; 3]) -> std::result::Result<(), Problem> {
        self.run(
            "UPDATE failures SET count = max(count - 1, 0), until_ms = 0
             WHERE site = ?1 AND username = ?2 AND address = ?3",
            key,
        )?;
        Ok(())
    }

    async fn set(
        &self,
        site: &Name,
        username: &UserName,
        password: Secret,
    ) -> std::result::Result<(), Problem> {
        let turn = take_turn().await?;
        let hash = password::hash(&password);
        give_way(turn).await;
        let hash = hash.map_err(|error| fault("argon2", error))?;
        self.run(
            "INSERT INTO accounts (site, username, hash) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET hash = excluded.hash",
            &[site.as_str().into(), username.as_str().into(), hash.into()],
        )?;
        Ok(())
    }

    fn run(&self, sql: &str, params: &[pinlatch_site::Value]) -> std::result::Result<Vec<Row>, Problem> {
        self.store.run(sql, params).map_err(stored)
    }
}

/// Ends this login's turn to compute a password hash, and then pauses the login. During the pause, the isolate handles
/// the requests that arrived during the hash computation.
async fn give_way(turn: slots::Turn) {
    turn.end(now_ms());
    Delay::from(Duration::from_millis(GIVE_WAY_MS)).await;
}

/// Waits until this login is allowed to compute a password hash.
async fn take_turn() -> std::result::Result<slots::Turn, Problem> {
    let waiting = slots::Waiting::join()?;
    loop {
        match waiting.turn(now_ms()) {
            Ok(turn) => return Ok(turn),
            Err(wait_ms) => Delay::from(Duration::from_millis(wait_ms)).await,
        }
    }
}

fn stored(error: pinlatch_site::StoreError) -> Problem {
    fault("gate", error)
}

/// Returns the end of the waiting time after `count` failed logins, in milliseconds of Unix time.
fn wait_until(count: i64, now_ms: u64) -> u64 {
    let Some(over) = u32::try_from(count - FREE_FAILURES).ok().filter(|over| *over > 0) else {
        return now_ms;
    };
    now_ms + FIRST_WAIT_MS.saturating_mul(1 << (over - 1).min(16)).min(LONGEST_WAIT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_begin_late_double_and_end() {
        assert_eq!(wait_until(5, 7), 7, "no wait yet");
        assert_eq!(wait_until(6, 10), 1_010);
        assert_eq!(wait_until(8, 0), 4_000);
        assert_eq!(wait_until(1_000, 0), LONGEST_WAIT_MS);
    }
}
