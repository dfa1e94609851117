//! Tests the site with a real SQLite database. Each event opens the site again, as after an eviction of the Durable
//! Object. The test database converts numbers as JavaScript does.

mod access;
mod agents;
mod audit;
mod authority;
mod calls;
mod chain;
mod commands;
mod devices;
mod ends;
mod fixtures;
mod givers;
mod hidden_changes;
mod identities;
mod invitations;
mod issued_tokens;
mod last_commands;
mod late;
mod machine;
mod passwords;
mod people;
mod plans;
mod rights;
mod rules;
mod schema;
mod shares;
mod silence;
mod statements;
mod waiting_events;
mod wake;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pinlatch_protocol::agent::{FromAgent, MachineInfo, Outcome};
use pinlatch_protocol::audit::{AuditEntry, AuditFilter};
use pinlatch_protocol::command::{CommandRequest, CommandResult, CommandStatus};
use pinlatch_protocol::line::{Authority, Level, LineInfo, LineKind};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::{Change, FromPanel, ToPanel};
use pinlatch_protocol::problem::Problem;
use pinlatch_protocol::scope::Role;
use serde_json::json;

use crate::database::native::Sqlite;
use crate::*;

/// A store that returns every number as a floating-point number, as JavaScript does. If the second field is `true`, the
/// store refuses statements that read a whole table ([`plans::check`]).
struct Floats(Sqlite, Cell<bool>);

impl Store for Floats {
    fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let float = |value: Value| match value {
            Value::Integer(number) => Value::Real(number as f64),
            other => other,
        };
        if self.1.get() {
            plans::check(&self.0, sql, params);
        }
        let params: Vec<Value> = params.iter().cloned().map(float).collect();
        let rows = self.0.run(sql, &params)?;
        Ok(rows.into_iter().map(|row| Row(row.0.into_iter().map(float).collect())).collect())
    }
}

/// The WebSockets of a Durable Object, and the data that it keeps in memory.
#[derive(Default)]
struct FakeLinks {
    /// The session nonce and the last activity of each agent's WebSocket.
    agents: RefCell<HashMap<String, u64>>,
    /// The number of open panel WebSockets with each tag.
    panels: RefCell<HashMap<String, u32>>,
    memory: Memory,
}

impl Links for FakeLinks {
    fn last_sign_of_life(&self, session: &str) -> Option<u64> {
        self.agents.borrow().get(session).copied()
    }

    fn panels_with(&self, tag: &str) -> u32 {
        self.panels.borrow().get(tag).copied().unwrap_or(0)
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }
}

const START_MS: u64 = 1_800_000_000_000;

/// The name of the external issuer of [`program`].
const ISSUER: &str = "robots";

/// The id of the login of [`owner`].
const OWNER_LOGIN: &str = "ann-login";

/// The lifetime of the token of a login, in seconds.
const TOKEN_LIFE: u64 = 600;

/// Returns the principal of a new token of the same login, as after a refresh. A proof at the start of the token is
/// also renewed. A principal with another lifetime or of another kind is returned unchanged.
fn refreshed(principal: &Principal, now_ms: u64) -> Principal {
    let Principal { iat, exp, auth_time, .. } = *principal;
    let now = now_ms / 1000;
    if principal.family.is_none() || exp.checked_sub(iat) != Some(TOKEN_LIFE) {
        return principal.clone();
    }
    let auth_time = if auth_time == Some(iat) { Some(now) } else { auth_time };
    Principal { iat: now, exp: now + TOKEN_LIFE, auth_time, ..principal.clone() }
}

/// The id of every password in these tests, except in the tests of passwords.
const PASSWORD_ID: &str = "password";

/// Returns the call that replaces a person's password by a password with the same id.
fn change_password(principal: Principal) -> Call {
    Call::ChangePassword {
        principal,
        verified_ids: vec![PASSWORD_ID.into()],
        password_id: PASSWORD_ID.into(),
    }
}

/// A site with its database, WebSockets, configuration and clock.
struct TestSite {
    store: Floats,
    links: FakeLinks,
    config: Config,
    now_ms: Cell<u64>,
    published: RefCell<Vec<Event>>,
    /// The time for which a Durable Object would have set its timer.
    wake: Cell<Option<u64>>,
}

/// The state of a machine that was started an hour ago and whose clock shows 1970.
const MACHINE: MachineInfo = MachineInfo {
    up_s: Some(3_600),
    clock_ahead_ms: Some(-(START_MS.cast_signed()) + 3_600_000),
    agent_up_s: Some(60),
};

/// Returns a certificate with the key that all devices in these tests use.
fn credential(jti: &str) -> Credential<'_> {
    Credential {
        jti,
        expires_at: START_MS / 1000 + 365 * 86_400,
        thumbprint: "thumb",
        jwk: Some(r#"{"kty":"OKP"}"#),
    }
}

impl TestSite {
    fn on(sqlite: Sqlite) -> Self {
        Self {
            store: Floats(sqlite, Cell::new(false)),
            links: FakeLinks::default(),
            config: Config {
                issuers: Rc::new([(ISSUER.into(), Role::Owner.scopes())].into()),
                ..Config::new(name("home"))
            },
            now_ms: Cell::new(START_MS),
            published: RefCell::default(),
            wake: Cell::new(None),
        }
    }

    /// Returns a site without people and without devices.
    fn empty() -> Self {
        Self::on(Sqlite::in_memory().unwrap())
    }

    /// Returns a site with the owner `ann` and the device `porch`, which is not connected.
    fn new() -> Self {
        let test_site = Self::empty();
        test_site.set_up();
        test_site.enrol("porch", "cert-1");
        test_site
    }

    /// Creates the owner `ann` and the login of [`owner`]. The login is in no audit entry.
    fn set_up(&self) {
        let (code_id, password_id) = ("setup".into(), PASSWORD_ID.into());
        self.call(Call::Setup { code_id, username: user("ann"), password_id }).0.unwrap();
        self.add_login("ann", OWNER_LOGIN);
    }

    fn add_login(&self, who: &str, family: &str) {
        let (now, end) = (self.now_ms.get(), self.now_ms.get() + 900 * 86_400_000);
        let sql = "INSERT OR REPLACE INTO families (id, username, current, expires_ms, started_ms, auth_ms)
            VALUES (?1, ?2, 'r', ?3, ?4, ?4)";
        self.store.0.run(sql, &[family.into(), who.into(), end.into(), now.into()]).unwrap();
    }

    /// Returns the site of [`TestSite::new`] after the device `porch` has connected in session `s1`. The device has
    /// the lines of [`porch_lines`].
    fn connected() -> Self {
        let test_site = Self::new();
        test_site.connect("porch", "s1", "cert-1").0.unwrap();
        test_site.hello("porch", "s1", &porch_lines(), &[]);
        test_site
    }

    fn enrol(&self, device: &str, cert_jti: &str) {
        let code_id = format!("code-{cert_jti}");
        self.call(Call::CreateEnrolment {
            principal: owner(),
            device: name(device),
            code_id: code_id.clone(),
            expires_at: self.now_ms.get() / 1000 + 600,
        })
        .0
        .unwrap();
        let reply = self.call(Call::Enrol {
            code_id,
            jwk: json!({ "kty": "OKP" }),
            jwk_thumbprint: "thumb".into(),
            cert_jti: cert_jti.into(),
            cert_exp: self.now_ms.get() / 1000 + 365 * 86_400,
        });
        assert_eq!(reply.0, Ok(Answer::Now(Reply::Enrolled { device: name(device) })));
    }

    /// Runs one event. This function opens the site, calls `act`, and returns the effects. A database error fails the
    /// test. The sequence numbers of events must have no gaps.
    fn with<T>(&self, act: impl FnOnce(&mut Site<'_>) -> T) -> (T, Vec<Effect>) {
        let event = || {
            let mut site = Site::open(&self.store, &self.links, &self.config, self.now_ms.get()).unwrap();
            self.store.1.set(true);
            let outcome = act(&mut site);
            let effects = site.take_effects();
            self.keep_awake(&site);
            self.store.1.set(false);
            (outcome, effects)
        };
        let (outcome, effects) = self.store.0.event(event).unwrap();
        for effect in &effects {
            match effect {
                Effect::Fault(error) => panic!("{error}"),
                Effect::Publish(event) => {
                    let mut published = self.published.borrow_mut();
                    let last = published.last().map_or(event.seq - 1, |last| last.seq);
                    assert_eq!(event.seq, last + 1, "{event:?}");
                    published.push(event.clone());
                }
                _ => {}
            }
        }
        (outcome, effects)
    }

    /// Computes the next wake-up, as the Durable Object does after each event. This function also checks that a wake-up
    /// time that was computed without a database read is not too late for any command.
    fn keep_awake(&self, site: &Site<'_>) {
        let wake = site.next_wake(false, self.wake.get()).unwrap();
        let give_up = site.next_give_up().unwrap();
        assert!(give_up.is_none_or(|at_ms| wake.is_some_and(|wake| wake <= at_ms)), "{wake:?} {give_up:?}");
        self.wake.set(wake);
    }

    fn call(&self, call: Call) -> (Result<Answer, Problem>, Vec<Effect>) {
        // The call is serialized, because the Worker sends each call as JSON.
        let mut call = serde_json::to_value(&call).unwrap();
        for fields in call.as_object_mut().unwrap().values_mut() {
            if let Some(principal) = fields.get_mut("principal") {
                let own: Principal = serde_json::from_value(principal.take()).unwrap();
                *principal = serde_json::to_value(refreshed(&own, self.now_ms.get())).unwrap();
            }
        }
        let call = serde_json::from_str(&call.to_string()).unwrap();
        let (answer, effects) = self.with(|site| site.call(call));
        if let Ok(Answer::Now(reply)) = &answer {
            let text = serde_json::to_string(reply).unwrap();
            assert_eq!(serde_json::from_str::<Reply>(&text).unwrap(), *reply);
        }
        (answer, effects)
    }

    /// Sends a call that the site must refuse, and returns the problem code.
    fn refusal(&self, call: Call) -> String {
        self.call(call).0.expect_err("a refusal").code
    }

    fn connect(&self, device: &str, session: &str, cert_jti: &str) -> (Result<(), Problem>, Vec<Effect>) {
        self.connect_by(device, session, &credential(cert_jti), false)
    }

    fn connect_by(
        &self,
        device: &str,
        session: &str,
        credential: &Credential<'_>,
        yields: bool,
    ) -> (Result<(), Problem>, Vec<Effect>) {
        let (outcome, effects) =
            self.with(|site| site.agent_connected(&name(device), session, credential, yields));
        if outcome.is_ok() {
            self.alive(session);
        }
        (outcome, effects)
    }

    /// Records activity on the WebSocket with this session nonce.
    fn alive(&self, session: &str) {
        self.links.agents.borrow_mut().insert(session.into(), self.now_ms.get());
    }

    fn close(&self, device: &str, session: &str) -> Vec<Effect> {
        self.links.agents.borrow_mut().remove(session);
        self.with(|site| site.agent_closed(&name(device), session)).1
    }

    fn handle_agent_message(&self, device: &str, session: &str, message: FromAgent) -> Vec<Effect> {
        if self.links.agents.borrow().contains_key(session) {
            self.alive(session);
        }
        self.with(|site| site.agent_message(&name(device), session, message)).1
    }

    fn hello(&self, device: &str, session: &str, lines: &[LineInfo], outcomes: &[Outcome]) -> Vec<Effect> {
        let (lines, outcomes) = (lines.to_vec(), outcomes.to_vec());
        self.handle_agent_message(
            device,
            session,
            FromAgent::Hello {
                version: "0.1.0".into(),
                lines,
                outcomes,
                machine: MACHINE,
                warnings: Vec::new(),
                rules: 0,
            },
        )
    }

    fn report(
        &self,
        jti: &str,
        status: CommandStatus,
        code: Option<&str>,
        level: Option<Level>,
    ) -> Vec<Effect> {
        self.handle_agent_message("porch", "s1", FromAgent::Result(outcome(jti, status, code, level)))
    }

    fn panel(&self, panel: &str, principal: &Principal, request: CommandRequest) -> Vec<Effect> {
        self.with(|site| site.panel_message(principal, panel, FromPanel::Command(request))).1
    }

    fn tick(&self) -> Vec<Effect> {
        self.wake.set(None);
        self.with(|site| site.tick()).1
    }

    fn pass(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }

    /// Sends a command over HTTP, and returns its ticket and the order for the device.
    fn order(&self, request: CommandRequest) -> (i64, CommandOrder) {
        let (answer, effects) = self.call(Call::Command { principal: owner(), request });
        let Ok(Answer::Pending { ticket }) = answer else { panic!("{answer:?}") };
        (ticket, the_order(&effects))
    }

    fn line(&self, line: &str) -> pinlatch_protocol::panel::LineView {
        let call = Call::Line { principal: owner(), device: name("porch"), line: name(line) };
        match self.call(call).0 {
            Ok(Answer::Now(Reply::Line(line))) => line,
            other => panic!("{other:?}"),
        }
    }

    fn online(&self, device: &str) -> bool {
        match self.call(Call::Device { principal: owner(), device: name(device) }).0 {
            Ok(Answer::Now(Reply::Device(device))) => device.online,
            other => panic!("{other:?}"),
        }
    }

    fn status(&self, id: &str) -> CommandResult {
        match self.call(Call::CommandStatus { principal: owner(), id: id.into() }).0 {
            Ok(Answer::Now(Reply::Command(result))) => result,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the audit log with the oldest entry first. Each entry has the form `ACTOR ACT TARGET OUTCOME`.
    fn log(&self) -> Vec<String> {
        match self.call(Call::Audit { principal: owner(), filter: AuditFilter::default(), limit: 500 }).0 {
            Ok(Answer::Now(Reply::Audit(entries))) => {
                let mut entries = entries.entries;
                entries.reverse();
                let line = |e: &AuditEntry| format!("{} {} {} {}", e.actor, e.act, e.target, e.outcome);
                entries.iter().map(line).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Returns the newest entry of the audit log.
    fn newest_entry(&self) -> AuditEntry {
        let (principal, filter) = (owner(), AuditFilter::default());
        match self.call(Call::Audit { principal, filter, limit: 1 }).0 {
            Ok(Answer::Now(Reply::Audit(page))) => page.entries.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn last_logged(&self) -> String {
        self.log().pop().unwrap_or_default()
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn user(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

/// Returns the principal for a token of an external issuer. The token belongs to no person of the site.
fn program(scope: &str) -> Principal {
    Principal {
        issued: false,
        site: name("home"),
        iss: "https://issuer.test".into(),
        sub: "robot".into(),
        person: None,
        jti: "robot-token".into(),
        family: None,
        scope: Some(scope.parse().unwrap()),
        iat: START_MS / 1000,
        exp: START_MS / 1000 + 100 * 86_400,
        generation: 0,
        issuer: Some(ISSUER.into()),
        auth_time: None,
    }
}

/// Returns the principal for a new token of the login of the owner `ann`, with a new proof.
fn owner() -> Principal {
    let now = START_MS / 1000;
    Principal {
        iss: "https://edge.test".into(),
        sub: "ann".into(),
        person: Some(user("ann")),
        jti: "ann-token".into(),
        family: Some(OWNER_LOGIN.into()),
        scope: None,
        iat: now,
        exp: now + TOKEN_LIFE,
        generation: 1,
        issuer: None,
        auth_time: Some(now),
        ..program("")
    }
}

fn info(line: &str, kind: LineKind, level: Option<Level>, retain: bool) -> LineInfo {
    LineInfo {
        name: name(line),
        kind,
        level,
        retain,
        max_on_ms: None,
        unit: None,
        precision: None,
        presses: false,
        ends_in_ms: None,
        blinking: false,
        desired: None,
        authority: Authority::Edge,
    }
}

fn porch_lines() -> Vec<LineInfo> {
    vec![
        info("door", LineKind::Momentary, Some(Level::On(false)), false),
        info("lamp", LineKind::Switch, Some(Level::On(false)), true),
        info("bell", LineKind::Contact, Some(Level::On(false)), false),
        info("dim", LineKind::Dimmer, None, true),
    ]
}

fn request(id: &str, line: &str, action: &str, args: serde_json::Value) -> CommandRequest {
    CommandRequest {
        id: id.into(),
        device: name("porch"),
        line: name(line),
        action: action.into(),
        args: args.as_object().unwrap().clone(),
        deadline_ms: None,
        call: None,
    }
}

fn pulse(id: &str) -> CommandRequest {
    request(id, "door", "pulse", json!({"ms": 500}))
}

fn lamp(id: &str, on: bool) -> CommandRequest {
    request(id, "lamp", "set", json!({"value": on}))
}

fn outcome(jti: &str, status: CommandStatus, code: Option<&str>, level: Option<Level>) -> Outcome {
    Outcome {
        id: jti.into(),
        status,
        code: code.map(Into::into),
        level,
        ends_in_ms: None,
        blinking: false,
        receipt: None,
    }
}

fn orders(effects: &[Effect]) -> Vec<CommandOrder> {
    let order = |effect: &Effect| match effect {
        Effect::Command { order, .. } => Some(order.clone()),
        _ => None,
    };
    effects.iter().filter_map(order).collect()
}

fn the_order(effects: &[Effect]) -> CommandOrder {
    let orders = orders(effects);
    assert_eq!(orders.len(), 1, "{effects:?}");
    orders[0].clone()
}

/// Returns the answers with their tickets. A problem is reduced to its code.
fn answers(effects: &[Effect]) -> Vec<(i64, Result<CommandResult, String>)> {
    let answer = |effect: &Effect| match effect {
        Effect::Answer { ticket, result } => Some((*ticket, result.clone().map_err(|problem| problem.code))),
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

/// Returns the frames that are sent to panels, each with the id of the panel.
fn frames(effects: &[Effect]) -> Vec<(String, ToPanel)> {
    let frame = |effect: &Effect| match effect {
        Effect::ToPanel { panel, message } => Some((panel.clone(), message.clone())),
        _ => None,
    };
    effects.iter().filter_map(frame).collect()
}

fn changes(effects: &[Effect]) -> Vec<Change> {
    let change = |effect: &Effect| match effect {
        Effect::Publish(event) => Some(event.change.clone()),
        _ => None,
    };
    effects.iter().filter_map(change).collect()
}

/// Returns the closed agent WebSockets as (session, code, reason).
fn closed(effects: &[Effect]) -> Vec<(String, u16, &'static str)> {
    let close = |effect: &Effect| match effect {
        Effect::CloseAgent { session, code, reason, .. } => Some((session.clone(), *code, *reason)),
        _ => None,
    };
    effects.iter().filter_map(close).collect()
}
