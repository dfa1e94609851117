//! Tests that a stolen login or a stolen signing key is not an account: what outlives a login needs a new proof (RFC
//! 9470), and a signed token needs a living login.

use e2e::forge::decode;
use e2e::outsiders::now;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Http, Site};
use pinlatch_protocol::name::Name;
use pinlatch_token::{AccessClaims, AccessGrant, Kind, random_id};
use serde_json::{Value, json};

use crate::people::patiently;

/// Returns the claims of a token, without a check of its signature.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&decode(payload)).expect("JSON")
}

/// Signs a token with the keys of the edge, as a thief of `EDGE_KEYS` could.
fn signed(site: &Site, claims: AccessClaims, life: u64) -> Http {
    site.deployment.http().bearer(&token_of(site, OWNER, claims, life))
}

fn token_of(site: &Site, sub: &str, claims: AccessClaims, life: u64) -> String {
    let name = Name::new(&site.name).expect("a name");
    let grant =
        AccessGrant { kind: Kind::Access, site: &name, sub, jti: random_id(), now: now(), life, claims };
    grant.sign(&site.deployment.edge_keys()).expect("a token")
}

/// Returns the id of the login that an access token belongs to.
pub fn family_of(token: &str) -> Option<String> {
    claims(token)["family"].as_str().map(str::to_owned)
}

/// Returns an access token of the same login as another access token, with a proof that is too old.
pub fn outdated(site: &Site, token: &str) -> String {
    let (family, sub) = (family_of(token), claims(token)["sub"].as_str().expect("a subject").to_owned());
    let auth_time = Some(now() - 301);
    let claims = AccessClaims { scope: None, generation: 1, family, auth_time, not_before: None };
    token_of(site, &sub, claims, 600)
}

/// Returns a client whose login is older than the maximum age of a proof.
fn stolen(site: &Site) -> Http {
    site.deployment.http().bearer(&outdated(site, &site.log_in()))
}

fn log_in(site: &Site) -> Value {
    let login =
        json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": PASSWORD });
    patiently(|| site.deployment.http().with("user-agent", "door-script/2").post("/api/v1/token", &login))
        .ok()
}

fn text<'a>(reply: &'a Value, member: &str) -> &'a str {
    reply[member].as_str().expect(member)
}

#[test]
fn a_stolen_login_arranges_nothing_for_later() {
    let site = Site::shared();
    let (thief, owner) = (stolen(&site), &site);
    let identity = json!({ "identity": { "issuer": "https://id.example", "subject": "mallory" } });
    let identities = format!("/api/v1/users/{OWNER}/identities");
    let answer = thief.send_json("PUT", &identities, &identity);
    answer.is_problem(401, "insufficient_user_authentication");
    assert_eq!(answer.body["max_age"], 300);
    let challenge = "Bearer realm=\"pinlatch\", error=\"insufficient_user_authentication\", max_age=300";
    assert_eq!(answer.header("www-authenticate"), challenge);
    let year = now() + 366 * 86_400 - 60;
    for (method, path, body) in [
        ("POST", "/api/v1/users", json!({ "username": "mallory", "role": "owner" })),
        (
            "POST",
            "/api/v1/tokens",
            json!({ "kind": "api", "name": "x", "scope": "site:*", "expires_at": year }),
        ),
        ("PUT", "/api/v1/audit/retention", json!({ "days": 1 })),
        ("POST", "/api/v1/generation", json!({})),
        ("DELETE", &identities, Value::Null),
    ] {
        let answer = thief.send_json(method, path, &body);
        answer.is_problem(401, "insufficient_user_authentication");
    }
    assert_eq!(thief.get("/api/v1/whoami").status, 200, "the login itself is still valid");
    let script = json!({ "kind": "api", "name": "s", "scope": "site:*", "expires_at": now() + 3600 });
    let script = owner.post("/api/v1/tokens", &script).ok();
    let script = site.deployment.http().bearer(text(&script, "access_token"));
    script
        .post("/api/v1/users", &json!({ "username": "eve", "scope": "site:audit" }))
        .is_problem(403, "person_required");
    owner.send_json("PUT", &identities, &identity).ok();
}

#[test]
fn a_proof_replaces_the_tokens_at_once() {
    let site = Site::shared();
    let reply = log_in(&site);
    let own = site.deployment.http().bearer(text(&reply, "access_token"));
    let wrong = own.post("/api/v1/session/proof", &json!({ "password": "not the password" }));
    wrong.is_problem(401, "login_failed");
    let proved = patiently(|| own.post("/api/v1/session/proof", &json!({ "password": PASSWORD }))).ok();
    let (before, after) = (claims(text(&reply, "access_token")), claims(text(&proved, "access_token")));
    assert_eq!(before["family"], after["family"], "the login goes on");
    assert!(after["auth_time"].as_u64() >= before["auth_time"].as_u64());
    let refresh = |token: &str| {
        let body = json!({ "grant_type": "refresh_token", "refresh_token": token });
        site.deployment.http().post("/api/v1/token", &body)
    };
    refresh(text(&reply, "refresh_token")).is_problem(400, "invalid_grant");
    let next = refresh(text(&proved, "refresh_token")).ok();
    assert_eq!(claims(text(&next, "access_token"))["auth_time"], after["auth_time"], "a refresh is no proof");
    let script = json!({ "kind": "api", "name": "s", "scope": "line:*/*:read", "expires_at": now() + 3600 });
    let script = site.post("/api/v1/tokens", &script).ok();
    let script = site.deployment.http().bearer(text(&script, "access_token"));
    let answer = script.post("/api/v1/session/proof", &json!({ "password": PASSWORD }));
    answer.is_problem(403, "person_required");
}

#[test]
fn a_browser_proves_with_its_cookies() {
    let site = Site::shared();
    let page = site.page();
    let login = json!({ "site": site.name, "username": OWNER, "password": PASSWORD });
    let first = patiently(|| page.post("/api/v1/session", &login));
    let cookie = |answer: &e2e::Answer, kind: &str| {
        let start = site.cookie(kind, "");
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
        let found = set.into_iter().find(|value| value.starts_with(&start)).expect("the cookie");
        found.split(';').next().unwrap_or_default().to_owned()
    };
    let browser = page.with("cookie", &cookie(&first, "session"));
    let foreign = browser.with("origin", "https://evil.example");
    foreign.post("/api/v1/session/proof", &json!({ "password": PASSWORD })).is_problem(403, "wrong_origin");
    let proved = patiently(|| browser.post("/api/v1/session/proof", &json!({ "password": PASSWORD })));
    assert_eq!(proved.status, 200, "{proved:?}");
    assert!(proved.body.get("access_token").is_none(), "the response contains a token");
    let refresh = |cookie: &str| page.with("cookie", cookie).post("/api/v1/session/refresh", &json!({}));
    refresh(&cookie(&first, "refresh")).is_problem(400, "invalid_grant");
    assert_eq!(refresh(&cookie(&proved, "refresh")).status, 200);
}

/// The signing key without the database gives nothing.
#[test]
fn stolen_edge_keys_make_no_owner() {
    let site = Site::shared();
    let family = family_of(&site.log_in());
    let scope = || "line:*/*:* site:*".parse().ok();
    let good = AccessClaims { scope: None, generation: 1, family, auth_time: None, not_before: None };
    signed(&site, good.clone(), 600).get("/api/v1/whoami").ok();
    let ten_years = 10 * 365 * 86_400;
    for (what, claims, life) in [
        ("without a login", AccessClaims { family: None, scope: scope(), ..good.clone() }, 600),
        ("of an invented login", AccessClaims { family: Some(random_id()), ..good.clone() }, 600),
        ("of a later generation", AccessClaims { generation: 1 << 53, ..good.clone() }, 600),
        ("for years", good.clone(), ten_years),
        ("for years without a login", AccessClaims { family: None, scope: scope(), ..good }, ten_years),
    ] {
        let answer = signed(&site, claims, life).get("/api/v1/whoami");
        assert_eq!((answer.status, answer.code()), (401, "invalid_token"), "a token {what}");
    }
}

#[test]
fn logins_are_listed_and_ended() {
    let site = Site::shared();
    let other = log_in(&site);
    let id = family_of(text(&other, "access_token")).expect("a login");
    let path = format!("/api/v1/users/{OWNER}/sessions");
    let list = site.get(&path).ok();
    let entry = list.as_array().into_iter().flatten().find(|entry| entry["id"] == id).expect("the login");
    assert_eq!((&entry["client"], &entry["current"]), (&json!("door-script"), &json!(false)));
    assert!(list.as_array().into_iter().flatten().any(|entry| entry["current"] == true));
    site.send_json("DELETE", &format!("{path}/{id}"), &Value::Null).ok();
    let ended = site.deployment.http().bearer(text(&other, "access_token"));
    ended.get("/api/v1/whoami").is_problem(401, "invalid_token");
    site.send_json("DELETE", &format!("{path}/{id}"), &Value::Null).is_problem(404, "unknown_session");
}

#[test]
fn a_secured_account_has_one_way_in() {
    let site = Site::shared();
    let thief = log_in(&site);
    let thief = site.deployment.http().bearer(text(&thief, "access_token"));
    let link = json!({ "kind": "guest", "name": "x", "scope": "line:*/*:*", "expires_at": now() + 86_400 });
    let link = thief.post("/api/v1/tokens", &link).ok();
    let (_, guest) = text(&link, "link").split_once("#guest=").expect("a link");
    let invited = thief.post("/api/v1/users", &json!({ "username": "eve", "role": "operator" })).ok();
    let invitations = site.get("/api/v1/invitations").ok();
    assert_eq!((&invitations[0]["username"], &invitations[0]["creator"]), (&json!("eve"), &json!(OWNER)));
    let path = format!("/api/v1/users/{OWNER}/secure");
    let fresh = log_in(&site);
    let fresh = site.deployment.http().bearer(text(&fresh, "access_token"));
    fresh.post(&path, &json!({ "password": "password" })).is_problem(400, "password_refused");
    patiently(|| fresh.post(&path, &json!({ "password": "a new and quiet place" }))).ok();
    thief.get("/api/v1/whoami").is_problem(401, "invalid_token");
    site.page().post("/api/v1/session", &json!({ "guest": guest })).is_problem(403, "link_not_valid");
    let accept = json!({ "code": invited["code"], "password": "eve's quiet place" });
    site.deployment.http().post("/api/v1/users/accept", &accept).is_problem(403, "code_refused");
}

#[test]
fn the_emergency_stop_ends_logins_and_codes() {
    let site = Site::shared();
    let reply = log_in(&site);
    let enrolment = site.enrolment("porch");
    let invited = site.post("/api/v1/users", &json!({ "username": "eve", "role": "viewer" })).ok();
    assert_eq!(site.post("/api/v1/generation", &json!({})).ok()["generation"], 2);
    let refresh = json!({ "grant_type": "refresh_token", "refresh_token": reply["refresh_token"] });
    site.deployment.http().post("/api/v1/token", &refresh).is_problem(400, "invalid_grant");
    site.get("/api/v1/whoami").is_problem(401, "invalid_token");
    let accept = json!({ "code": invited["code"], "password": "eve's quiet place" });
    site.deployment.http().post("/api/v1/users/accept", &accept).is_problem(403, "code_refused");
    let (_, code) = enrolment
        .split_once('#')
        .and_then(|(_, code)| code.rsplit_once('.'))
        .map_or(("", ""), |(code, _)| ("", code));
    let key = pinlatch_token::SigningKey::generate();
    let request = json!({ "code": code, "jwk": key.public_jwk(), "nonce": random_id() });
    site.deployment.http().post("/api/v1/enrol", &request).is_problem(403, "code_refused");
    let again = log_in(&site);
    site.deployment.http().bearer(text(&again, "access_token")).get("/api/v1/whoami").ok();
}
