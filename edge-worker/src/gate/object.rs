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
use super::client::Attempt;
use super::failures::Failures;
use super::reports::{self, Reporter};
use super::slots::{self, NotNow};
use super::{failures, password};
use crate::clock::now_ms;
use crate::respond::fault;
use crate::site::SqlStore;

const ACCOUNTS: &str = "CREATE TABLE IF NOT EXISTS accounts (
    site TEXT NOT NULL, username TEXT NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (site, username)) STRICT, WITHOUT ROWID";

/// How long a login pauses after its password hash is computed, in milliseconds. During the pause of a login, the
/// isolate handles the requests that arrived during the hash computation.
const GIVE_WAY_MS: u64 = 20;

/// A Durable Object that verifies passwords. The user name selects the gate, and a gate has no information about
/// permissions.
#[durable_object(alarm)]
pub struct GateObject {
    state: State,
    env: Env,
    store: SqlStore,
    has_tables: Cell<bool>,
    /// The number of rows of failed logins that were added since the rows were counted.
    uncounted: Cell<u32>,
    reporter: Reporter,
}

impl DurableObject for GateObject {
    fn new(state: State, env: Env) -> Self {
        let store = SqlStore::new(&state);
        let reporter = Reporter::default();
        Self { state, env, store, has_tables: Cell::new(false), uncounted: Cell::new(0), reporter }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let outcome = match request.json::<GateCall>().await {
            Ok(call) => self.answer(call).await,
            Err(error) => Err(fault("gate", error)),
        };
        Response::from_json(&outcome)
    }

    async fn alarm(&self) -> Result<Response> {
        self.reporter.report(&self.env, &self.state, &self.store).await?;
        Response::empty()
    }
}

impl GateObject {
    async fn answer(&self, call: GateCall) -> std::result::Result<(), Problem> {
        if !self.has_tables.get() {
            for statement in [ACCOUNTS, reports::SCHEMA].into_iter().chain(failures::SCHEMA) {
                self.run(statement, &[])?;
            }
            self.has_tables.set(true);
        }
        match call {
            GateCall::Verify { attempt, password } => self.verify(&attempt, password).await,
            GateCall::Set { site, username, password } => self.set(&site, &username, password).await,
        }
    }

    async fn verify(&self, attempt: &Attempt, password: Secret) -> std::result::Result<(), Problem> {
        let client = attempt.client.key();
        let failures = Failures {
            store: &self.store,
            site: attempt.site.as_str(),
            username: attempt.username.as_str(),
            client: &client,
            uncounted: &self.uncounted,
        };
        // The attempt counts as failed until its password is known to be correct. Attempts that arrive at the same time
        // are therefore all counted, and no more of them reach a hash than one after another.
        slots::count_address(attempt, now_ms())?;
        let turn = match failures.add(now_ms()).map_err(stored)? {
            Ok(count) => take_turn(slots::Waiting::join(attempt, now_ms())).await.map(|turn| (count, turn)),
            Err(problem) => {
                slots::take_back(attempt);
                return Err(problem);
            }
        };
        let (count, turn) = match turn {
            Ok(turn) => turn,
            Err(problem) => {
                slots::take_back(attempt);
                failures.take_back(now_ms()).map_err(stored)?;
                return Err(problem);
            }
        };
        let key = [attempt.site.as_str().into(), attempt.username.as_str().into()];
        let rows = self.run("SELECT hash FROM accounts WHERE site = ?1 AND username = ?2", &key)?;
        let hash = rows.first().map(|row| row.text(0)).transpose().map_err(stored)?;
        let right = password::verify(&password, hash);
        give_way(turn).await;
        if right.map_err(|error| fault("argon2", error))? {
            slots::take_back(attempt);
            return failures.forget().map_err(stored);
        }
        slots::count_account(attempt, now_ms());
        failures.wait(count, now_ms()).map_err(stored)?;
        let username = hash.is_some().then_some(&attempt.username);
        self.reporter.count(&self.state, &self.store, &attempt.site, username).await?;
        Err(Code::LoginFailed.into())
    }

    async fn set(
        &self,
        site: &Name,
        username: &UserName,
        password: Secret,
    ) -> std::result::Result<(), Problem> {
        let turn = take_turn(slots::Waiting::join_first(now_ms())).await?;
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
async fn take_turn(
    place: std::result::Result<slots::Waiting, Problem>,
) -> std::result::Result<slots::Turn, Problem> {
    let place = place?;
    loop {
        match place.turn(now_ms()) {
            Ok(turn) => return Ok(turn),
            Err(NotNow::Wait(wait_ms)) => Delay::from(Duration::from_millis(wait_ms)).await,
            Err(NotNow::Lost) => return Err(slots::full()),
        }
    }
}

fn stored(error: pinlatch_site::StoreError) -> Problem {
    fault("gate", error)
}
