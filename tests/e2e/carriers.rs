//! Tests the four ways to send a token: in a header, a form, the query or a cookie. A request must send only one token,
//! in only one of these ways (RFC 6750 §2).

use e2e::{Answer, Deployment, HostLock, Http, Site, http, socket};
use serde_json::json;

const DOOR: &str = "/api/v1/devices/porch/lines/door/pulse";

/// A program may send the token in a form, together with the arguments of the action.
#[test]
fn a_form_carries_the_token_and_the_arguments() {
    let site = Site::shared();
    let agent = site.device("porch");
    let stranger = site.deployment.http();
    let form = format!("access_token={}&ms=300", site.token);
    let result = stranger.post_form(DOOR, &form).ok();
    assert_eq!(result["status"], "executed", "{result}");
    assert_eq!(agent.levels("door").iter().filter(|level| **level == json!(true)).count(), 1);

    // The order of the form fields and the parameters of the media type do not matter. Arguments in a form have the
    // same types as arguments in JSON.
    let typed = "application/x-www-form-urlencoded; charset=UTF-8";
    let lamp = |value: &str| {
        let form = format!("value={value}&access_token={}", site.token);
        stranger
            .send("POST", "/api/v1/devices/porch/lines/lamp/set", Some((typed, &form)))
            .expect("an answer")
    };
    assert_eq!(lamp("true").ok()["level"], true);
    lamp("%22true%22").is_problem(422, "invalid_arguments");
    lamp("perhaps").is_problem(422, "invalid_arguments");
    let form = format!("access_token={}", site.token);
    assert_eq!(
        stranger.post_form("/api/v1/devices/porch/lines/relay/toggle", &form).ok()["status"],
        "executed"
    );
    let enrolment = stranger.post_form("/api/v1/enrolments", &format!("{form}&device=shed")).ok();
    assert_eq!(enrolment["device"], "shed");
}

/// The edge reads a token from a form only if three conditions are met. The request is a POST, the media type is that
/// of forms, and the endpoint accepts arguments.
#[test]
fn a_form_elsewhere_carries_nothing() {
    let site = Site::shared();
    let stranger = site.deployment.http();
    let form = format!("access_token={}&device=shed", site.token);
    let refused = |answer: Answer| answer.is_problem(401, "invalid_token");
    for media in ["text/plain", "application/json", "multipart/form-data; boundary=x"] {
        refused(stranger.send("POST", "/api/v1/enrolments", Some((media, &form))).expect("an answer"));
    }
    refused(stranger.post_form("/api/v1/enrolments", "access_token=&device=shed"));
    refused(stranger.post_form("/api/v1/enrolments", &format!("Access_Token={}&device=shed", site.token)));
    let host = site.deployment.origin().trim_start_matches("http://");
    let get = format!(
        "GET /api/v1/whoami HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let status = http::raw(site.deployment.origin(), get.as_bytes());
    assert!(matches!(status, Some(400 | 401)), "the form of a GET is accepted: {status:?}");
}

#[test]
fn a_token_in_the_query_is_refused_by_default() {
    let site = Site::shared();
    let (stranger, origin) = (site.deployment.http(), site.deployment.origin());
    let answer = stranger.get(&format!("/api/v1/whoami?access_token={}", site.token));
    answer.is_problem(401, "invalid_token");
    let path = format!("/api/v1/events?access_token={}", site.token);
    assert_eq!(socket::open(origin, &path, &[]).expect_err("no upgrade").status(), 401);
    let path = format!("/api/v1/enrolments?access_token={}", site.token);
    stranger.post(&path, &json!({ "device": "shed" })).is_problem(401, "invalid_token");
}

/// This test needs a separate deployment, because the variable `QUERY_TOKENS` applies to all sites of a deployment.
#[test]
fn a_token_in_the_query_is_taken_where_the_owner_allows_it() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start_with(1, |options| options.var("QUERY_TOKENS", "on"));
    let site = Site::of(&deployment, 0);
    let stranger = deployment.http();
    let whoami = stranger.get(&format!("/api/v1/whoami?access_token={}", site.token));
    assert_eq!(whoami.header("cache-control"), "no-store", "RFC 6750 §2.3");
    assert_eq!(whoami.ok()["site"], json!(site.name));
    let path = format!("/api/v1/events?access_token={}", site.token);
    assert!(socket::open(deployment.origin(), &path, &[]).is_ok());
    let path = format!("/api/v1/enrolments?access_token={}", site.token);
    assert_eq!(stranger.post(&path, &json!({ "device": "shed" })).ok()["device"], "shed");
    stranger.get("/api/v1/whoami?access_token=").is_problem(401, "invalid_token");
    stranger.get("/api/v1/whoami?access_token=x.y.z").is_problem(401, "invalid_token");
    assert!(!deployment.log().contains(&site.token), "a token is in the log");

    // Even if `QUERY_TOKENS` is on, the edge refuses a request with two tokens.
    let query = format!("/api/v1/whoami?access_token={}", site.token);
    site.get(&query).is_problem(400, "two_carriers");
    stranger.get(&format!("{query}&access_token={}", site.token)).is_problem(400, "two_carriers");
}

#[test]
fn two_carriers_are_one_too_many_in_every_combination() {
    let site = Site::shared();
    let token = &site.token;
    let path = "/api/v1/enrolments";
    let cookie = |http: &Http| {
        let http = http.with("cookie", &site.cookie("session", token)).with("pinlatch-site", &site.name);
        http.with("origin", site.deployment.origin())
    };
    let query = format!("{path}?access_token={token}");
    let (json, form) = (json!({ "device": "shed" }), format!("access_token={token}&device=shed"));
    let (stranger, header): (Http, &Http) = (site.deployment.http(), &site);
    for answer in [
        header.post_form(path, &form),
        header.post(&query, &json),
        cookie(header).post(path, &json),
        stranger.post_form(&query, &form),
        cookie(&stranger).post_form(path, &form),
        cookie(&stranger).post(&query, &json),
        stranger.post_form(path, &format!("{form}&access_token={token}")),
        stranger.post_form(path, &format!("{form}&access_token=other")),
        cookie(header).post_form(&query, &form),
    ] {
        answer.is_problem(400, "two_carriers");
    }
    // A cookie of another site counts as a second token too.
    let other = header.with("cookie", &format!("__Host-pinlatch_session_other={token}"));
    other.post(path, &json).is_problem(400, "two_carriers");
    // The edge accepts each way to send a token if the request contains no second token. The enrolments succeed,
    // because the refused requests have enrolled no device.
    for answer in
        [header.post(path, &json), stranger.post_form(path, &form), cookie(&stranger).post(path, &json)]
    {
        assert_eq!(answer.ok()["device"], "shed");
    }
}

/// A browser adds its cookies to every request. Therefore the edge must refuse a write request with a cookie if a page
/// from another origin sent the request.
#[test]
fn a_cookie_writes_only_from_our_own_origin() {
    let site = Site::shared();
    let agent = site.device("porch");
    let origin = site.deployment.origin();
    let unnamed = site.deployment.http().with("cookie", &site.cookie("session", &site.token));
    unnamed.with("origin", origin).get("/api/v1/whoami").is_problem(401, "invalid_token");
    let cookie = unnamed.with("pinlatch-site", &site.name);
    assert_eq!(cookie.get("/api/v1/whoami").status, 200, "reading needs no origin");
    let pulse = |http: &Http| http.post(DOOR, &json!({ "ms": 20 }));
    pulse(&cookie).is_problem(403, "wrong_origin");
    for foreign in [
        "null",
        "",
        "http://evil.example",
        "http://127.0.0.1",
        &origin.replace("http:", "https:"),
        &format!("{origin}.evil.example"),
    ] {
        let answer = pulse(&cookie.with("origin", foreign));
        assert_eq!((answer.status, answer.code()), (403, "wrong_origin"), "{foreign}");
    }
    assert!(!agent.levels("door").contains(&json!(true)), "the door opened");
    assert_eq!(pulse(&cookie.with("origin", origin)).ok()["status"], "executed");
    // If a session cookie occurs twice, the edge ignores both cookies, because a sibling domain could have set one of
    // them.
    let twice = [site.cookie("session", &site.token), site.cookie("session", &site.token)].join("; ");
    site.page().with("cookie", &twice).get("/api/v1/whoami").is_problem(401, "invalid_token");
}

#[test]
fn only_the_bearer_scheme_is_taken() {
    let site = Site::shared();
    let token = &site.token;
    let whoami = |value: &str| site.deployment.http().with("authorization", value).get("/api/v1/whoami");
    for value in [
        format!("Basic {token}"),
        format!("Digest {token}"),
        format!("DPoP {token}"),
        format!("Token {token}"),
        format!("Bearer:{token}"),
        format!("Bearer{token}"),
        format!("Bearer, {token}"),
        token.clone(),
        "Bearer".into(),
    ] {
        let answer = whoami(&value);
        answer.is_problem(401, "invalid_token");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\"pinlatch\""), "{challenge}");
    }
    // The name of the authentication scheme is case-insensitive (RFC 9110 §11.1).
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(whoami(&format!("{scheme} {token}")).status, 200, "{scheme}");
    }
}

/// The `WWW-Authenticate` header must contain the error code (RFC 6750 §3).
#[test]
fn the_challenge_names_the_error() {
    let site = Site::shared();
    let challenge = |answer: Answer| answer.header("www-authenticate").to_owned();
    let forged = site.deployment.http().bearer("x.y.z");
    assert_eq!(challenge(forged.get("/api/v1/whoami")), "Bearer realm=\"pinlatch\", error=\"invalid_token\"");
    let form = "access_token=x.y.z&device=shed";
    assert!(
        challenge(site.deployment.http().post_form("/api/v1/enrolments", form)).contains("invalid_token")
    );
    assert_eq!(challenge(site.get("/api/v1/whoami")), "", "an accepted token is not challenged");
}
