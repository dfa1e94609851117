//! Tests logins and sessions. Programs use tokens, and browsers use cookies.

use std::time::Duration;

use e2e::site::{OWNER, PASSWORD};
use e2e::{Answer, Http, Site, eventually};
use serde_json::json;

fn login(http: &Http, site: &Site) -> Answer {
    let body = json!({ "site": site.name, "username": OWNER, "password": PASSWORD });
    eventually(Duration::from_secs(60), "a place in the gate's queue", || {
        Some(http.post("/api/v1/session", &body)).filter(|answer| answer.status != 429)
    })
}

fn cookies(answer: &Answer) -> Vec<&str> {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    set.map(|(_, value)| value.as_str()).collect()
}

/// Returns a response cookie in the form `name=value`, in which a browser sends the cookie.
fn pair<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let cookie = cookies(answer).into_iter().find(|cookie| cookie.starts_with(name)).expect("the cookie");
    cookie.split(';').next().unwrap_or_default()
}

#[test]
fn a_browser_gets_cookies_that_script_cannot_read() {
    let site = Site::shared();
    let page = site.page();
    let answer = login(&page, &site);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.body["username"], &answer.body["site"]), (&json!(OWNER), &json!(site.name)));
    assert!(answer.body.get("access_token").is_none(), "the response contains a token");
    let set = cookies(&answer);
    assert_eq!(set.len(), 3, "{set:?}");
    for cookie in &set {
        for attribute in ["; Path=/;", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert!(set[0].starts_with(&site.cookie("session", "")), "{set:?}");
    assert!(set[1].starts_with(&site.cookie("refresh", "")), "{set:?}");
    assert!(set[2].starts_with(&site.cookie("client", "")), "{set:?}");

    let session = pair(&answer, "__Host-pinlatch_session_");
    let browser = page.with("cookie", session);
    assert_eq!(browser.get("/api/v1/whoami").ok()["sub"], OWNER);
    let named = site.deployment.http().with("cookie", session).with("pinlatch-site", &site.name);
    let foreign = named.with("origin", "https://evil.example");
    foreign.post("/api/v1/enrolments", &json!({ "device": "x" })).is_problem(403, "wrong_origin");
    named.post("/api/v1/enrolments", &json!({ "device": "x" })).is_problem(403, "wrong_origin");
    assert!(browser.post("/api/v1/enrolments", &json!({ "device": "x" })).status == 200);
}

#[test]
fn a_login_from_elsewhere_is_refused() {
    let site = Site::shared();
    let body = json!({ "site": site.name, "username": OWNER, "password": PASSWORD });
    site.deployment.http().post("/api/v1/session", &body).is_problem(403, "wrong_origin");
    let evil = site.deployment.http().with("origin", "https://evil.example");
    evil.post("/api/v1/session", &body).is_problem(403, "wrong_origin");
}

#[test]
fn a_page_learns_how_its_session_stands() {
    let site = Site::shared();
    let page = site.page();
    let status = |cookies: &str| page.with("cookie", cookies).get("/api/v1/session").ok();
    let none = json!({ "state": "none", "site": site.name });
    let renewable = json!({ "state": "renewable", "site": site.name });
    assert_eq!(page.get("/api/v1/session").ok(), none);
    let answer = login(&page, &site);
    let (session, refresh) =
        (pair(&answer, "__Host-pinlatch_session_"), pair(&answer, "__Host-pinlatch_refresh_"));
    let both = format!("{session}; {refresh}");
    assert_eq!(status(&both), json!({ "state": "open", "site": site.name, "sub": OWNER }));
    assert_eq!(status(session), status(&both));
    assert_eq!(status(refresh), renewable);
    let as_guest = page.with("cookie", &both).get("/api/v1/session?as=guest").ok();
    assert_eq!(as_guest, none, "a login counts as a guest session");
    // The endpoint reports only a session cookie as a session, because the browser sends the cookie without the help of
    // a script. A bearer token does not count as a session.
    let token = session.split_once('=').expect("a cookie").1;
    let program = page.bearer(token);
    assert_eq!(program.get("/api/v1/session").ok(), none);
    let altered = format!("{session}x; {refresh}");
    assert_eq!(status(&altered), renewable);
    page.with("cookie", &both).send("DELETE", "/api/v1/session", None).expect("an answer");
    assert_eq!(status(session), none, "the session has not ended");
}

#[test]
fn a_refreshed_session_rotates_and_a_replay_ends_it() {
    let site = Site::shared();
    let page = site.page();
    let first = login(&page, &site);
    let refresh = |cookie: &str| page.with("cookie", cookie).post("/api/v1/session/refresh", &json!({}));
    let old = pair(&first, "__Host-pinlatch_refresh_").to_owned();
    let second = refresh(&old);
    assert_eq!(second.status, 200, "{second:?}");
    let third = refresh(pair(&second, "__Host-pinlatch_refresh_"));
    assert_eq!(third.status, 200);
    refresh(&old).is_problem(400, "invalid_grant");
    refresh(pair(&third, "__Host-pinlatch_refresh_")).is_problem(400, "invalid_grant");
    let session = page.with("cookie", pair(&third, "__Host-pinlatch_session_"));
    session.get("/api/v1/whoami").is_problem(401, "invalid_token");
}

#[test]
fn logging_out_ends_the_session_at_once() {
    let site = Site::shared();
    let page = site.page();
    let answer = login(&page, &site);
    let session = page.with("cookie", pair(&answer, "__Host-pinlatch_session_"));
    let out = session.send("DELETE", "/api/v1/session", None).expect("an answer");
    assert_eq!(out.status, 204);
    assert!(cookies(&out).iter().all(|cookie| cookie.contains("Max-Age=0")));
    session.get("/api/v1/whoami").is_problem(401, "invalid_token");
}

#[test]
fn a_program_logs_in_by_form_or_json_and_refreshes() {
    let site = Site::shared();
    let form = format!(
        "grant_type=password&site={}&username={OWNER}&password={}",
        site.name,
        PASSWORD.replace(' ', "+")
    );
    let reply = eventually(Duration::from_secs(60), "a place in the gate's queue", || {
        let form = Some(("application/x-www-form-urlencoded", form.as_str()));
        let answer = site.deployment.http().send("POST", "/api/v1/token", form).expect("an answer");
        (answer.status != 429).then_some(answer)
    })
    .ok();
    assert_eq!((&reply["token_type"], &reply["expires_in"]), (&json!("Bearer"), &json!(600)));
    let refresh = json!({ "grant_type": "refresh_token", "refresh_token": reply["refresh_token"] });
    let next = site.deployment.http().post("/api/v1/token", &refresh).ok();
    assert_ne!(next["refresh_token"], reply["refresh_token"]);
    let token = next["access_token"].as_str().expect("a token");
    let whoami = site.deployment.http().bearer(token).get("/api/v1/whoami").ok();
    assert_eq!((&whoami["sub"], &whoami["role"]), (&json!(OWNER), &json!("owner")));
    let odd = json!({ "grant_type": "magic" });
    site.deployment.http().post("/api/v1/token", &odd).is_problem(400, "unsupported_grant_type");
}

#[test]
fn wrong_passwords_and_unknown_people_look_alike_and_are_throttled() {
    let site = Site::shared();
    let attempt = |username: &str| {
        let body =
            json!({ "grant_type": "password", "site": site.name, "username": username, "password": "wrong" });
        eventually(Duration::from_secs(60), "a place in the gate's queue", || {
            let answer = site.deployment.http().post("/api/v1/token", &body);
            let queue_full = answer.status == 429 && answer.body["detail"] == "too many logins at the moment";
            (!queue_full).then_some(answer)
        })
    };
    let (known, unknown) = (attempt(OWNER), attempt("nobody"));
    known.is_problem(401, "login_failed");
    assert_eq!(known.body, unknown.body);
    let throttled = (0..10).map(|_| attempt("nobody")).find(|answer| answer.status == 429).expect("a limit");
    throttled.is_problem(429, "throttled");
    assert!(throttled.header("retry-after").parse::<u32>().expect("seconds") >= 1);
}

/// If two browser tabs refresh their session at the same time, both tabs must stay logged in.
#[test]
fn two_tabs_may_refresh_at_once() {
    let site = Site::shared();
    let page = site.page();
    let first = login(&page, &site);
    let old = pair(&first, "__Host-pinlatch_refresh_").to_owned();
    let refresh = |cookie: &str| page.with("cookie", cookie).post("/api/v1/session/refresh", &json!({}));
    let both: Vec<Answer> = std::thread::scope(|scope| {
        let tabs: Vec<_> = (0..2).map(|_| scope.spawn(|| refresh(&old))).collect();
        tabs.into_iter().map(|tab| tab.join().expect("an answer")).collect()
    });
    for answer in &both {
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = page.with("cookie", pair(answer, "__Host-pinlatch_session_"));
        assert_eq!(session.get("/api/v1/whoami").status, 200);
    }
    assert_eq!(refresh(pair(&both[1], "__Host-pinlatch_refresh_")).status, 200);
}
