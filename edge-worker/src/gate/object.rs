//! The Durable Object of a gate, which verifies passwords. A gate stores the password hashes and the failed logins of
//! each site and user name.

use std::cell::Cell;
use std::time::Duration;

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Row, Store};
use worker::{Delay, DurableObject, Env, Request, Response, Result, State, durable_object};

use super::accounts::{self, Account};
use super::call::GateCall;
use super::slots;
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

const FAILURES: &str = "CREATE TABLE IF NOT EXISTS failures (
        site TEXT NOT NULL, username TEXT NOT NULL, address TEXT NOT NULL,
        count INTEGER NOT NULL, until_ms INTEGER NOT NULL,
        PRIMARY KEY (site, username, address)) STRICT, WITHOUT ROWID";

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
    /// Handles a call, and returns the ids of the passwords that match.
    async fn answer(&self, call: GateCall) -> std::result::Result<Vec<String>, Problem> {
        if !self.has_tables.get() {
            accounts::open(&self.store)?;
            self.run(FAILURES, &[])?;
            self.has_tables.set(true);
        }
        match call {
            GateCall::Verify { site, username, password, address } => {
                self.verify(&site, &username, password, &address).await
            }
            GateCall::Store { site, username, id, password, source, current } => {
                let account = self.account(&site, &username);
                let turn = take_turn().await?;
                let outcome = account.store(&id, &password, source, current.as_deref(), now_ms());
                give_way(turn).await;
                outcome.map(|()| Vec::new())
            }
            GateCall::Forget { site, username, id } => {
                self.account(&site, &username).forget(&id).map(|()| Vec::new())
            }
        }
    }

    fn account<'a>(&'a self, site: &'a Name, username: &'a UserName) -> Account<'a> {
        Account { database: &self.store, site, username }
    }

    async fn verify(
        &self,
        site: &Name,
        username: &UserName,
        password: Secret,
        address: &str,
    ) -> std::result::Result<Vec<String>, Problem> {
        let key = [site.as_str().into(), username.as_str().into(), address.into()];
        let failures = self.run(
            "SELECT count, until_ms FROM failures WHERE site = ?1 AND username = ?2 AND address = ?3",
            &key,
        )?;
        let (count, until) = match failures.first() {
            Some(row) => (row.int(0).map_err(stored)?, row.uint(1).map_err(stored)?),
            None => (0, 0),
        };
        if let Some(wait) = until.checked_sub(now_ms()).filter(|wait| *wait > 0) {
            return Err(Problem::new(Code::Throttled)
                .detail("too many wrong passwords; wait before you try again")
                .retry_after(u32::try_from(wait.div_ceil(1000)).unwrap_or(u32::MAX)));
        }
        let turn = take_turn().await?;
        let matching = self.account(site, username).matching(&password);
        give_way(turn).await;
        let matching = matching?;
        if !matching.is_empty() {
            if count > 0 {
                self.run("DELETE FROM failures WHERE site = ?1 AND username = ?2 AND address = ?3", &key)?;
            }
            return Ok(matching);
        }
        let [site_key, username_key, address_key] = key;
        self.run("DELETE FROM failures WHERE until_ms < ?1", &[now_ms().saturating_sub(FORGET_MS).into()])?;
        self.run(
            "INSERT INTO failures (site, username, address, count, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = excluded.count, until_ms = excluded.until_ms",
            &[
                site_key,
                username_key,
                address_key,
                (count + 1).into(),
                wait_until(count + 1, now_ms()).into(),
            ],
        )?;
        Err(Code::LoginFailed.into())
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
