//! Tests the management of people over HTTP. A person is invited, loses permissions while a socket is open, and is
//! removed. Further tests cover passwords and the limits on granting permissions.

use std::time::{Duration, Instant};

use e2e::site::{OWNER, PASSWORD};
use e2e::{Answer, Http, Panel, Site, eventually};
use serde_json::{Value, json};

/// The maximum time until a change of permissions takes effect everywhere. The change itself has no delay; the limit
/// allows for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

const NEW_PASSWORD: &str = "a quiet place to sit";

/// Repeats a request while the gate responds with status 429.
pub fn patiently(ask: impl Fn() -> Answer) -> Answer {
    eventually(Duration::from_secs(60), "a place in the gate's queue", || {
        Some(ask()).filter(|answer| answer.status != 429)
    })
}

/// Invites a person and accepts the invitation with the common test password.
pub fn join(site: &Site<'_>, username: &str, rights: Value) {
    let mut invitation = rights;
    invitation["username"] = json!(username);
    let code = site.post("/api/v1/users", &invitation).ok()["code"].as_str().expect("a code").to_owned();
    let accept = json!({ "code": code, "password": PASSWORD });
    let accepted = patiently(|| site.deployment.http().post("/api/v1/users/accept", &accept)).ok();
    assert_eq!(accepted["username"], username);
}

pub fn log_in(site: &Site<'_>, username: &str, password: &str) -> Answer {
    let body =
        json!({ "grant_type": "password", "site": site.name, "username": username, "password": password });
    patiently(|| site.deployment.http().post("/api/v1/token", &body))
}

pub fn client(site: &Site<'_>, username: &str) -> (Http, String) {
    let token = log_in(site, username, PASSWORD).ok()["access_token"].as_str().expect("a token").to_owned();
    (site.deployment.http().bearer(&token), token)
}

#[test]
fn an_invited_operator_operates_until_demoted_also_on_an_open_socket() {
    let site = Site::shared();
    let agent = site.device("porch");
    join(&site, "ben", json!({ "role": "operator" }));
    let (ben, token) = client(&site, "ben");
    let mut panel = Panel::open(site.deployment.origin(), &token);
    let pressed = panel.command("c1", "porch", "lamp", "set", json!({ "value": true }));
    assert_eq!(pressed["status"], "executed", "{pressed}");
    ben.get("/api/v1/users").is_problem(403, "insufficient_scope");

    let demoted = Instant::now();
    site.send_json("PATCH", "/api/v1/users/ben", &json!({ "role": "viewer" })).ok();
    assert_eq!(panel.close_code(), 4401, "the socket is not closed");
    ben.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": false }))
        .is_problem(403, "insufficient_scope");
    assert!(demoted.elapsed() < AT_ONCE, "{:?}", demoted.elapsed());
    let mut again = Panel::open(site.deployment.origin(), &token);
    let refused = again.command("c2", "porch", "lamp", "set", json!({ "value": false }));
    assert_eq!(refused["problem"]["code"], "insufficient_scope", "{refused}");
    assert_eq!(agent.levels("lamp").last(), Some(&json!(true)));

    site.send_json("DELETE", "/api/v1/users/ben", &Value::Null).ok();
    assert_eq!(again.close_code(), 4401);
    ben.get("/api/v1/whoami").is_problem(401, "invalid_token");
    assert_eq!(log_in(&site, "ben", PASSWORD).status, 401, "a removed person can log in");
}

#[test]
fn scopes_of_ones_own_reach_one_line() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "cat", json!({ "scope": "line:porch/door:pulse" }));
    let (cat, _) = client(&site, "cat");
    let whoami = cat.get("/api/v1/whoami").ok();
    assert_eq!((&whoami["scope"], whoami.get("role")), (&json!("line:porch/door:pulse"), None));
    let lines = cat.get("/api/v1/devices/porch").ok()["lines"].as_array().expect("lines").len();
    assert_eq!(lines, 1);
    assert_eq!(cat.post("/api/v1/devices/porch/lines/door/pulse", &json!({ "ms": 100 })).status, 200);
    cat.post("/api/v1/devices/porch/lines/lamp/toggle", &json!({})).is_problem(403, "insufficient_scope");
    site.send_json("PATCH", "/api/v1/users/cat", &json!({ "scope": "line:porch/*:*" })).ok();
    assert_eq!(cat.get("/api/v1/whoami").ok()["scope"], "line:porch/*:*", "a login has the current rights");
}

#[test]
fn nobody_gives_more_than_they_hold_and_an_owner_remains() {
    let site = Site::shared();
    join(&site, "dora", json!({ "scope": "line:*/*:* site:users" }));
    let (dora, _) = client(&site, "dora");
    let refused = [
        dora.post("/api/v1/users", &json!({ "username": "eve", "role": "owner" })),
        dora.post("/api/v1/users", &json!({ "username": OWNER })),
        dora.send_json("PATCH", "/api/v1/users/dora", &json!({ "role": "owner" })),
        dora.send_json("PATCH", &format!("/api/v1/users/{OWNER}"), &json!({ "role": "viewer" })),
        dora.send_json("DELETE", &format!("/api/v1/users/{OWNER}"), &Value::Null),
        dora.send_json("DELETE", &format!("/api/v1/users/{OWNER}/sessions"), &Value::Null),
    ];
    for answer in refused {
        answer.is_problem(403, "insufficient_scope");
    }
    assert_eq!(dora.post("/api/v1/users", &json!({ "username": "eve", "role": "viewer" })).status, 200);
    let owner = format!("/api/v1/users/{OWNER}");
    site.send_json("DELETE", &owner, &Value::Null).is_problem(409, "last_owner");
    site.send_json("PATCH", &owner, &json!({ "role": "operator" })).is_problem(409, "last_owner");
    site.send_json("PATCH", "/api/v1/users/nobody", &json!({ "role": "viewer" }))
        .is_problem(404, "unknown_person");
    site.post("/api/v1/users", &json!({ "username": "x", "role": "viewer", "scope": "line:*/*:read" }))
        .is_problem(400, "invalid_request");
}

#[test]
fn an_invitation_is_good_once_and_resets_a_password() {
    let site = Site::shared();
    let code =
        site.post("/api/v1/users", &json!({ "username": "fred", "role": "viewer" })).ok()["code"].clone();
    let accept = |code: &Value, password: &str| {
        let body = json!({ "code": code, "password": password });
        patiently(|| site.deployment.http().post("/api/v1/users/accept", &body))
    };
    let invited =
        |code: &Value| site.deployment.http().post("/api/v1/users/invited", &json!({ "code": code }));
    assert_eq!(invited(&code).ok(), json!({ "username": "fred", "has_password": false }));
    accept(&code, "short").is_problem(400, "invalid_request");
    accept(&code, PASSWORD).ok();
    accept(&code, NEW_PASSWORD).is_problem(403, "code_refused");
    invited(&code).is_problem(403, "code_refused");
    accept(&json!(format!("{}A", code.as_str().expect("a code"))), PASSWORD).is_problem(403, "code_refused");

    let (fred, _) = client(&site, "fred");
    let reset = site.post("/api/v1/users", &json!({ "username": "fred" })).ok()["code"].clone();
    assert_eq!(invited(&reset).ok(), json!({ "username": "fred", "has_password": true }));
    assert_eq!(fred.get("/api/v1/whoami").status, 200, "an invitation alone changes nothing");
    accept(&reset, NEW_PASSWORD).ok();
    fred.get("/api/v1/whoami").is_problem(401, "invalid_token");
    assert_eq!(log_in(&site, "fred", PASSWORD).status, 401);
    assert_eq!(log_in(&site, "fred", NEW_PASSWORD).status, 200);
    let people = site.get("/api/v1/users").ok();
    let names: Vec<&str> =
        people.as_array().expect("people").iter().filter_map(|person| person["username"].as_str()).collect();
    assert_eq!(names, ["fred", OWNER]);
}

#[test]
fn a_changed_password_ends_the_other_logins() {
    let site = Site::shared();
    join(&site, "gina", json!({ "role": "operator" }));
    let ((this, _), (other, other_token)) = (client(&site, "gina"), client(&site, "gina"));
    let mut panel = Panel::open(site.deployment.origin(), &other_token);
    let change = |current: &str| {
        let body = json!({ "current": current, "password": NEW_PASSWORD });
        patiently(|| this.post("/api/v1/users/gina/password", &body))
    };
    change("not this one").is_problem(401, "login_failed");
    assert_eq!(other.get("/api/v1/whoami").status, 200);
    change(PASSWORD).ok();
    assert_eq!(panel.close_code(), 4401);
    other.get("/api/v1/whoami").is_problem(401, "invalid_token");
    assert_eq!(this.get("/api/v1/whoami").status, 200);
    assert_eq!(log_in(&site, "gina", PASSWORD).status, 401);
    let body = json!({ "current": PASSWORD, "password": NEW_PASSWORD });
    this.post(&format!("/api/v1/users/{OWNER}/password"), &body).is_problem(403, "insufficient_scope");
}
