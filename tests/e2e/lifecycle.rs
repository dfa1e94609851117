//! Tests the lifecycle of a token. The edge is restarted between the steps, so the test fails if necessary state is
//! only in memory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::site::PASSWORD;
use e2e::{Answer, Deployment, HostLock, Site, eventually};
use serde_json::{Value, json};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Repeats a request while the gate responds with status 429.
fn patiently(ask: impl Fn() -> Answer) -> Answer {
    eventually(Duration::from_secs(60), "an answer that is not 429", || {
        Some(ask()).filter(|answer| answer.status != 429)
    })
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn every_step_survives_a_restart() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let http = edge.http();
    let page = http.with("origin", edge.origin());

    let restart = || edge.edge().restart().expect("workerd");
    let invitation = json!({ "username": "ann", "scope": "line:porch/*:* site:tokens" });
    let code = text(&site.post("/api/v1/users", &invitation).ok()["code"]);
    let accept = json!({ "code": code, "password": PASSWORD });
    restart();
    patiently(|| http.post("/api/v1/users/accept", &accept)).ok();
    restart();
    http.post("/api/v1/users/accept", &accept).is_problem(403, "code_refused");

    let login =
        json!({ "grant_type": "password", "site": site.name, "username": "ann", "password": PASSWORD });
    let stolen = patiently(|| http.post("/api/v1/token", &login)).ok();
    let refresh = |tokens: &Value| {
        let body = json!({ "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"] });
        http.post("/api/v1/token", &body)
    };
    restart();
    let second = refresh(&stolen).ok();
    let third = refresh(&second).ok();
    restart();
    refresh(&stolen).is_problem(400, "invalid_grant");
    refresh(&third).is_problem(400, "invalid_grant");
    restart();
    http.bearer(&text(&third["access_token"])).get("/api/v1/whoami").is_problem(401, "invalid_token");

    let ann = http.bearer(&text(&patiently(|| http.post("/api/v1/token", &login)).ok()["access_token"]));
    let issue = |kind: &str| {
        let scope = "line:porch/door:pulse";
        ann.post(
            "/api/v1/tokens",
            &json!({ "kind": kind, "name": "x", "scope": scope, "expires_at": now() + 600 }),
        )
    };
    let (api, link) = (issue("api").ok(), text(&issue("guest").ok()["link"]));
    restart();
    let guest = json!({ "guest": link.split_once("#guest=").expect("a fragment").1 });
    let entered = page.post("/api/v1/session", &guest);
    let cookie = entered.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let visitor = page.with("cookie", &cookie);
    let script = http.bearer(&text(&api["access_token"]));
    restart();
    for by in [&script, &visitor] {
        assert_eq!(by.get("/api/v1/whoami?as=guest").ok()["scope"], "line:porch/door:pulse");
    }
    let path = format!("/api/v1/tokens/{}", text(&api["token"]["jti"]));
    assert_eq!(site.send_json("DELETE", &path, &Value::Null).status, 204);
    restart();
    script.get("/api/v1/whoami").is_problem(401, "invalid_token");
    assert_eq!(site.send_json("DELETE", "/api/v1/users/ann", &Value::Null).status, 204);
    restart();
    visitor.get("/api/v1/whoami?as=guest").is_problem(401, "invalid_token");
    let log = site.get("/api/v1/audit?act=refresh_reuse").ok();
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(1));
}
