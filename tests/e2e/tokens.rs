//! Tests tokens that no login has issued. The tests sign these tokens with the deployment's keys or with other keys.

use e2e::outsiders::now;
use e2e::{Deployment, HostLock, Panel, Site, soon};
use pinlatch_protocol::name::Name;
use pinlatch_token::{AccessClaims, AccessGrant, EdgeKeys, Kind, random_id};
use serde_json::json;

use crate::proofs::family_of;

/// Signs a token of a login with limited scopes. `family` is the id of the login.
fn token(keys: &EdgeKeys, site: &str, family: &str, scope: &str, issued: u64, life: u64) -> String {
    let claims = AccessClaims {
        scope: Some(scope.parse().expect("scopes")),
        generation: 1,
        family: Some(family.into()),
        auth_time: None,
        not_before: None,
    };
    let site = Name::new(site).expect("a name");
    AccessGrant { kind: Kind::Access, site: &site, sub: "owner", jti: random_id(), now: issued, life, claims }
        .sign(keys)
        .expect("a token")
}

#[test]
fn a_token_opens_to_its_scopes_and_no_further() {
    let site = Site::shared();
    let agent = site.device("porch");
    let keys = site.deployment.edge_keys();
    let family = family_of(&site.log_in()).expect("a login");
    let guest = token(&keys, &site.name, &family, "line:porch/door:pulse line:porch/lamp:read", now(), 60);
    let http = site.deployment.http().bearer(&guest);
    assert_eq!(http.get("/api/v1/whoami").ok()["scope"], "line:porch/door:pulse line:porch/lamp:read");
    let act = |line: &str, action: &str, args| {
        http.post(&format!("/api/v1/devices/porch/lines/{line}/{action}"), &args)
    };
    assert_eq!(act("door", "pulse", json!({ "ms": 20 })).ok()["status"], "executed");
    for refused in [
        act("lamp", "set", json!({ "value": true })),
        act("relay", "toggle", json!({})),
        http.post("/api/v1/enrolments", &json!({ "device": "shed" })),
        http.get("/api/v1/audit"),
    ] {
        refused.is_problem(403, "insufficient_scope");
        assert!(refused.header("www-authenticate").contains("error=\"insufficient_scope\""), "{refused:?}");
    }
    let seen = http.get("/api/v1/devices/porch").ok();
    let lines: Vec<&str> =
        seen["lines"].as_array().unwrap().iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(lines, ["door", "lamp"]);

    // The live events for a guest must contain only the guest's GPIO lines, and the sequence numbers must have no gaps.
    let mut panel = Panel::open(site.deployment.origin(), &guest);
    let mut seq = panel.snapshot["seq"].as_u64().expect("a number");
    agent.drive("bell", true);
    site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    loop {
        let event = panel.until("an event", |frame| frame["type"] == "event");
        let number = event["seq"].as_u64().expect("a number");
        assert_eq!(event["after"].as_u64().unwrap_or(number - 1), seq, "{event}");
        seq = number;
        if event["change"] == "hidden" {
            continue;
        }
        assert!(["door", "lamp"].contains(&event["line"]["name"].as_str().unwrap_or_default()), "{event}");
        if event["line"]["name"] == "lamp" && event["line"]["reported"] == true {
            break;
        }
    }
}

#[test]
fn expired_early_and_foreign_tokens_are_refused() {
    let site = Site::shared();
    let keys = site.deployment.edge_keys();
    let all = "line:*/*:* site:*";
    let family = family_of(&site.log_in()).expect("a login");
    let token = |keys: &EdgeKeys, site: &str, issued, life| token(keys, site, &family, all, issued, life);
    let refused = |token: &str| {
        let answer = site.deployment.http().bearer(token).get("/api/v1/whoami");
        answer.is_problem(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    };
    let good = token(&keys, &site.name, now(), 60);
    assert_eq!(site.deployment.http().bearer(&good).get("/api/v1/whoami").status, 200);
    refused(&token(&keys, &site.name, now() - 61, 60));
    refused(&token(&keys, &site.name, now() + 120, 60));
    refused(&token(&keys, "elsewhere", now(), 60));
    refused(&token(&EdgeKeys::generate().expect("keys"), &site.name, now(), 60));
}

/// The edge must close a panel socket when the token of the socket expires.
#[test]
fn a_socket_ends_with_its_token() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let keys = site.deployment.edge_keys();
    let family = family_of(&site.log_in()).expect("a login");
    let short = token(&keys, &site.name, &family, "line:*/*:*", now(), 3);
    let mut panel = Panel::open(site.deployment.origin(), &short);
    assert_eq!(panel.command("one", "porch", "relay", "set", json!({ "value": true }))["status"], "executed");
    soon("the token has expired", || {
        (site.deployment.http().bearer(&short).get("/api/v1/whoami").status == 401).then_some(())
    });
    let late = panel.command("two", "porch", "relay", "set", json!({ "value": false }));
    assert_eq!(late["problem"]["code"], "invalid_token", "{late}");
    assert_eq!(panel.close_code(), 4401);
    assert_eq!(site.line("porch", "relay")["reported"], true);
}

/// A token that the Worker refuses must never reach a Durable Object. The Durable Object of an unused site must start
/// only when the first valid token arrives.
#[test]
fn a_refused_token_never_reaches_the_object() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start(2, None);
    let _used = Site::of(&deployment, 0);
    let keys = deployment.edge_keys();
    let starts = || deployment.log().matches("site object starts").count();
    let before = starts();
    let good = token(&keys, "site-2", "none", "site:audit", now(), 60);
    let parts: Vec<&str> = good.split('.').collect();
    for part in 0..3 {
        let mut altered: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let middle = altered[part].len() / 2;
        let other = if altered[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
        altered[part].replace_range(middle..=middle, other);
        let http = deployment.http().bearer(&altered.join("."));
        http.get("/api/v1/devices").is_problem(401, "invalid_token");
        http.get("/api/v1/events").is_problem(401, "invalid_token");
    }
    let foreign = token(&EdgeKeys::generate().expect("keys"), "site-2", "none", "site:audit", now(), 60);
    deployment.http().bearer(&foreign).get("/api/v1/devices").is_problem(401, "invalid_token");
    assert_eq!(starts(), before, "a Durable Object was reached");
    // The Durable Object refuses the valid token, because the login of the token does not exist. The refusal shows
    // that the Durable Object has started.
    deployment.http().bearer(&good).get("/api/v1/devices").is_problem(401, "invalid_token");
    soon("the object starts for a good token", || (starts() > before).then_some(()));
}
