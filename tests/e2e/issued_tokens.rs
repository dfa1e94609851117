//! Tests API tokens and guest links over HTTP. The tests cover the validity period, the number of uses, parent tokens,
//! and revocation.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::{Answer, Http, Panel, Site, soon};
use serde_json::{Value, json};

use crate::people::{client, join};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

fn issue(by: &Http, kind: &str, scope: &str, more: Value) -> Answer {
    let mut request = json!({ "kind": kind, "name": "a test", "scope": scope, "expires_at": now() + 600 });
    request.as_object_mut().expect("a table").extend(more.as_object().expect("a table").clone());
    by.post("/api/v1/tokens", &request)
}

/// Returns the text and the id of a newly created token.
fn issued(answer: Answer) -> (String, String) {
    let body = answer.ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&body["access_token"]), text(&body["token"]["jti"]))
}

/// Presses the door's button after the previous pulse has ended, because the device refuses a pulse during another
/// pulse.
fn press(by: &Http) -> Answer {
    press_as(by, "")
}

/// Works like [`press`], but authorises the request with the guest cookie.
fn press_as_guest(by: &Http) -> Answer {
    press_as(by, "?as=guest")
}

fn press_as(by: &Http, query: &str) -> Answer {
    soon("the door is at rest", || {
        let line = by.get(&format!("/api/v1/devices/porch/lines/door{query}"));
        (line.status != 200 || line.body["reported"] == false).then_some(())
    });
    by.post(&format!("/api/v1/devices/porch/lines/door/pulse{query}"), &json!({ "ms": 50 }))
}

#[test]
fn an_api_token_works_within_its_scopes_and_ends_when_revoked() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let (token, jti) = issued(issue(&site, "api", "line:porch/door:pulse", json!({})));
    let script = site.deployment.http().bearer(&token);
    assert_eq!(press(&script).status, 200);
    script.get("/api/v1/users").is_problem(403, "insufficient_scope");
    let mut panel = Panel::open(site.deployment.origin(), &token);
    assert_eq!(panel.snapshot["devices"][0]["lines"].as_array().map(Vec::len), Some(1));
    let listed = site.get("/api/v1/tokens").ok();
    assert_eq!((&listed[0]["jti"], &listed[0]["kind"]), (&json!(jti), &json!("api")));
    assert!(listed[0]["last_used_ms"].is_u64(), "{listed}");
    assert!(!listed.to_string().contains(&token), "the list contains a token");

    let revoked = Instant::now();
    site.send_json("DELETE", &format!("/api/v1/tokens/{jti}"), &Value::Null).ok();
    assert_eq!(panel.close_code(), 4401);
    press(&script).is_problem(401, "invalid_token");
    // The revocation has no delay; the limit allows for a busy machine.
    assert!(revoked.elapsed() < Duration::from_secs(5), "{:?}", revoked.elapsed());
    site.send_json("DELETE", "/api/v1/tokens/unknown", &Value::Null).is_problem(404, "unknown_token");
}

#[test]
fn an_issued_token_never_outlives_the_rights_of_its_parent() {
    let site = Site::shared();
    let _agent = site.device("porch");
    join(&site, "ida", json!({ "scope": "line:porch/*:* site:tokens" }));
    let (ida, _) = client(&site, "ida");
    issue(&ida, "api", "line:shed/*:*", json!({})).is_problem(403, "insufficient_scope");
    issue(&ida, "api", "site:users", json!({})).is_problem(403, "insufficient_scope");
    issue(&ida, "guest", "line:porch/door:pulse site:tokens", json!({})).is_problem(400, "invalid_request");
    let (parent, parent_jti) = issued(issue(&ida, "api", "line:porch/*:* site:tokens", json!({})));
    let parent = site.deployment.http().bearer(&parent);
    issue(&parent, "api", "line:porch/door:pulse", json!({ "expires_at": now() + 900 }))
        .is_problem(400, "invalid_request");
    let (child, _) =
        issued(issue(&parent, "api", "line:porch/door:pulse", json!({ "expires_at": now() + 500 })));
    let child = site.deployment.http().bearer(&child);
    assert_eq!(press(&child).status, 200);

    site.send_json(
        "PATCH",
        "/api/v1/users/ida",
        &json!({ "scope": "line:porch/door:read line:porch/lamp:set site:tokens" }),
    )
    .ok();
    press(&child).is_problem(403, "insufficient_scope");
    site.send_json("PATCH", "/api/v1/users/ida", &json!({ "scope": "line:porch/*:* site:tokens" })).ok();
    assert_eq!(press(&child).status, 200, "restored permissions are refused");
    site.send_json("DELETE", &format!("/api/v1/tokens/{parent_jti}"), &Value::Null).ok();
    press(&child).is_problem(401, "invalid_token");
}

#[test]
fn a_token_has_a_window_and_so_many_uses() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let (later, _) = issued(issue(&site, "api", "line:*/*:*", json!({ "not_before": now() + 300 })));
    site.deployment.http().bearer(&later).get("/api/v1/whoami").is_problem(401, "invalid_token");
    let (brief, _) = issued(issue(&site, "api", "line:*/*:*", json!({ "expires_at": now() + 2 })));
    let brief = site.deployment.http().bearer(&brief);
    soon("it has expired", || (brief.get("/api/v1/whoami").status == 401).then_some(()));
    let (twice, _) = issued(issue(&site, "api", "line:*/*:*", json!({ "max_uses": 2 })));
    let twice = site.deployment.http().bearer(&twice);
    let once = twice.with("idempotency-key", "one");
    assert_eq!((press(&once).status, press(&once).status), (200, 200), "a repetition counts as a use");
    assert_eq!(press(&twice).status, 200);
    press(&twice).is_problem(403, "used_up");
    assert_eq!(twice.get("/api/v1/devices").status, 200, "reading counts as a use");
    for wrong in [
        json!({ "expires_at": now() }),
        json!({ "max_uses": 0 }),
        json!({ "name": "" }),
        json!({ "expires_at": now() + 400 * 86_400 }),
    ] {
        issue(&site, "api", "line:*/*:*", wrong).is_problem(400, "invalid_request");
    }
}

#[test]
fn a_guest_link_opens_its_lines_by_a_cookie_of_its_own() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let page = site.page();
    let link = |more: Value| {
        let body = issue(&site, "guest", "line:porch/door:pulse", more).ok();
        assert!(body.get("access_token").is_none());
        let link = body["link"].as_str().expect("a link").to_owned();
        let (place, token) = link.split_once("#guest=").expect("a fragment");
        assert_eq!(place, format!("{}/s/{}/", site.deployment.origin(), site.name));
        (token.to_owned(), body["token"]["jti"].as_str().expect("an id").to_owned())
    };
    let exchange = |token: &str| page.post("/api/v1/session", &json!({ "guest": token }));

    let (token, jti) = link(json!({ "max_uses": 3 }));
    site.deployment.http().bearer(&token).get("/api/v1/whoami").is_problem(401, "invalid_token");
    let entered = exchange(&token);
    assert_eq!((entered.status, &entered.body["guest"]["jti"]), (200, &json!(jti)), "{entered:?}");
    let cookie = entered.header("set-cookie").to_owned();
    for attribute in [&site.cookie("guest", ""), "; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/;"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let guest = page.with("cookie", &cookie);
    assert_eq!(press_as_guest(&guest).status, 200);
    guest.get("/api/v1/devices/porch/lines/lamp?as=guest").is_problem(403, "insufficient_scope");
    let foreign = site.deployment.http().with("pinlatch-site", &site.name).with("cookie", &cookie);
    press_as_guest(&foreign).is_problem(403, "wrong_origin");
    guest.get("/api/v1/whoami").is_problem(401, "invalid_token");

    // A browser can have both a guest cookie and a login cookie. If the query contains `as=guest`, the edge must use
    // the guest cookie.
    let both = page.with("cookie", &format!("{cookie}; {}", site.cookie("session", &site.token)));
    assert_eq!(both.get("/api/v1/whoami").ok()["role"], "owner");
    let as_guest = both.get("/api/v1/whoami?as=guest").ok();
    assert_eq!(as_guest["scope"], "line:porch/door:pulse");

    assert_eq!(exchange(&token).status, 200, "a second browser is refused");
    assert_eq!((press_as_guest(&guest).status, press_as_guest(&guest).status), (200, 200));
    press_as_guest(&guest).is_problem(403, "used_up");
    let left = both.send_json("DELETE", "/api/v1/session?as=guest", &Value::Null);
    assert_eq!(left.status, 204);
    assert!(left.header("set-cookie").starts_with(&format!("{}; ", site.cookie("guest", ""))), "{left:?}");
    assert_eq!(both.get("/api/v1/whoami").ok()["role"], "owner", "the login has ended");
    exchange(&token).is_problem(403, "used_up");
    let (early, _) = link(json!({ "not_before": now() + 300 }));
    exchange(&early).is_problem(403, "link_not_valid");
    let (ended, ended_jti) = link(json!({}));
    site.send_json("DELETE", &format!("/api/v1/tokens/{ended_jti}"), &Value::Null).ok();
    exchange(&ended).is_problem(403, "link_not_valid");
    let (brief, _) = link(json!({ "expires_at": now() + 2 }));
    soon("the link has expired", || (exchange(&brief).code() == "link_not_valid").then_some(()));
    exchange(&site.token).is_problem(403, "link_not_valid");
}

#[test]
fn the_emergency_voids_every_token_at_once() {
    let site = Site::shared();
    let (token, _) = issued(issue(&site, "api", "line:*/*:*", json!({})));
    let mut panel = Panel::open(site.deployment.origin(), &token);
    site.deployment
        .http()
        .bearer(&token)
        .post("/api/v1/generation", &json!({}))
        .is_problem(403, "insufficient_scope");
    assert_eq!(site.post("/api/v1/generation", &json!({})).ok()["generation"], 2);
    assert_eq!(panel.close_code(), 4401);
    site.deployment.http().bearer(&token).get("/api/v1/whoami").is_problem(401, "invalid_token");
    site.get("/api/v1/whoami").is_problem(401, "invalid_token");
    let again = site.deployment.http().bearer(&site.log_in());
    assert_eq!(again.get("/api/v1/whoami").status, 200);
}
