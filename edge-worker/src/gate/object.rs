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
use super::client::Attempt;
use super::failures;
use super::failures::Failures;
use super::reports::{self, Reporter};
use super::slots::{self, NotNow};
use crate::clock::now_ms;
use crate::respond::fault;
use crate::site::SqlStore;

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
    /// Handles a call, and returns the ids of the passwords that match.
    async fn answer(&self, call: GateCall) -> std::result::Result<Vec<String>, Problem> {
        if !self.has_tables.get() {
            accounts::open(&self.store)?;
            for statement in [reports::SCHEMA].into_iter().chain(failures::SCHEMA) {
                self.run(statement, &[])?;
            }
            self.has_tables.set(true);
        }
        match call {
            GateCall::Verify { attempt, password } => self.verify(&attempt, password).await,
            GateCall::Store { site, username, id, password, source, current } => {
                let account = self.account(&site, &username);
                let turn = take_turn(slots::Waiting::join_first(now_ms())).await?;
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

    async fn verify(&self, attempt: &Attempt, password: Secret) -> std::result::Result<Vec<String>, Problem> {
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
        let account = self.account(&attempt.site, &attempt.username);
        let matching = account.matching(&password);
        give_way(turn).await;
        let matching = matching?;
        if !matching.is_empty() {
            slots::take_back(attempt);
            failures.forget().map_err(stored)?;
            return Ok(matching);
        }
        slots::count_account(attempt, now_ms());
        failures.wait(count, now_ms()).map_err(stored)?;
        let username = account.exists()?.then_some(&attempt.username);
        self.reporter.count(&self.state, &self.store, &attempt.site, username).await?;
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
