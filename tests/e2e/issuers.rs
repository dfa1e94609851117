//! Tests tokens of external issuers. A script signs a token with its own key, and the issuer's site must accept the
//! token within the scopes of the issuer.

use e2e::outsiders::{AUDIENCE, Outsider, now};
use e2e::{Answer, Http, Panel, Site};
use serde_json::{Value, json};

fn bearer(site: &Site<'_>, outsider: Outsider, claims: Value) -> Http {
    site.deployment.http().bearer(&outsider.token(claims))
}

fn act(http: &Http, device: &str, line: &str, action: &str, args: Value) -> Answer {
    http.post(&format!("/api/v1/devices/{device}/lines/{line}/{action}"), &args)
}

/// Checks that the scopes of an external issuer limit its tokens, over HTTP and on the panel socket.
fn commands_within_the_ceiling(outsider: Outsider, device: &str) {
    let site = Site::outside();
    let agent = site.device(device);
    let http = bearer(&site, outsider, json!({}));
    let whoami = http.get("/api/v1/whoami").ok();
    assert_eq!((&whoami["iss"], &whoami["sub"]), (&json!(outsider.issuer()), &json!("cron")), "{whoami}");
    assert_eq!(act(&http, device, "relay", "set", json!({ "value": true })).ok()["status"], "executed");
    assert_eq!(agent.levels("relay").last(), Some(&json!(true)));

    act(&http, device, "lamp", "set", json!({ "value": true })).is_problem(403, "insufficient_scope");
    act(&http, device, "door", "pulse", json!({ "ms": 1 })).is_problem(403, "insufficient_scope");
    http.post("/api/v1/enrolments", &json!({ "device": "shed" })).is_problem(403, "insufficient_scope");
    http.get("/api/v1/audit").is_problem(403, "insufficient_scope");
    assert!(!agent.levels("door").contains(&json!(true)));

    let mut panel = Panel::open(site.deployment.origin(), &outsider.token(json!({})));
    let result = panel.command("one", device, "relay", "set", json!({ "value": false }));
    assert_eq!(result["status"], "executed", "{result}");
    let refused = panel.command("two", device, "lamp", "set", json!({ "value": true }));
    assert_eq!(refused["problem"]["code"], "insufficient_scope", "{refused}");

    // The audit log contains the issuer and the subject of the caller's token.
    let audit = site.get("/api/v1/audit").ok().to_string();
    assert!(audit.contains(&outsider.issuer()) && audit.contains("cron"), "{audit}");
}

#[test]
fn a_script_s_shared_secret_opens_its_site() {
    commands_within_the_ceiling(Outsider::Hs256, "by-secret");
}

#[test]
fn an_issuer_s_jwk_set_opens_its_site() {
    commands_within_the_ceiling(Outsider::Rs256, "by-set");
}

#[test]
fn an_issuer_s_pem_opens_its_site() {
    commands_within_the_ceiling(Outsider::Es256, "by-pem");
}

#[test]
fn a_token_s_own_scope_narrows_the_ceiling_and_never_widens_it() {
    let site = Site::outside();
    let _agent = site.device("narrowed");
    let scoped = |scope: Value| bearer(&site, Outsider::Narrowed, json!({ "scope": scope }));
    let set = |http: &Http| act(http, "narrowed", "relay", "set", json!({ "value": true }));
    assert_eq!(set(&scoped(json!("openid line:narrowed/relay:set"))).ok()["status"], "executed");
    for scope in [json!("line:other/relay:set"), json!("line:narrowed/relay:read"), json!("openid")] {
        let answer = set(&scoped(scope.clone()));
        assert!(matches!(answer.status, 403 | 404), "{scope}: {answer:?}");
    }
    let wider = scoped(json!("line:*/*:* site:audit"));
    act(&wider, "narrowed", "lamp", "set", json!({ "value": true })).is_problem(403, "insufficient_scope");
    wider.get("/api/v1/audit").is_problem(403, "insufficient_scope");
    scoped(Value::Null).get("/api/v1/whoami").is_problem(401, "invalid_token");
}

#[test]
fn an_issuer_s_token_is_for_its_audience_and_its_time() {
    let site = Site::outside();
    let now = now();
    for outsider in Outsider::GOOD {
        let answer = |claims: Value| bearer(&site, outsider, claims).get("/api/v1/whoami");
        assert_eq!(answer(json!({ "aud": ["other", AUDIENCE] })).status, 200, "{outsider:?}");
        assert_eq!(
            answer(json!({ "exp": now - 30, "iat": now - 90 })).status,
            200,
            "a clock difference of 30 s is allowed"
        );
        for claims in [
            json!({ "aud": "https://pinlatch.example/elsewhere" }),
            json!({ "aud": "urn:pinlatch:site:outside" }),
            json!({ "aud": null }),
            json!({ "exp": now - 61, "iat": now - 120 }),
            json!({ "exp": null }),
            json!({ "iat": null }),
            json!({ "exp": now + 3_700 }),
            json!({ "sub": null }),
            json!({ "iss": "https://nobody.example/" }),
        ] {
            answer(claims).is_problem(401, "invalid_token");
        }
    }
}

/// The key of one issuer must not verify a token whose `iss` is another issuer.
#[test]
fn an_issuer_cannot_speak_for_another() {
    let site = Site::outside();
    for outsider in Outsider::GOOD {
        for other in Outsider::GOOD.into_iter().filter(|other| *other != outsider) {
            bearer(&site, outsider, json!({ "iss": other.issuer() }))
                .get("/api/v1/whoami")
                .is_problem(401, "invalid_token");
        }
    }
}

/// If the configuration of an issuer is inconsistent, requests with its tokens must get status 503. Tokens of other
/// issuers must not be affected.
#[test]
fn a_broken_issuer_is_told_apart_and_breaks_nobody_else() {
    let site = Site::outside();
    let answer = bearer(&site, Outsider::Broken, json!({})).get("/api/v1/whoami");
    answer.is_problem(503, "misconfigured");
    assert!(
        !answer.body.to_string().contains("NOT_SET"),
        "the response contains a secret's name: {answer:?}"
    );
    assert!(site.deployment.log().contains("NOT_SET"), "the log does not name the secret");
    assert_eq!(bearer(&site, Outsider::Hs256, json!({})).get("/api/v1/whoami").status, 200);
    assert_eq!(site.get("/api/v1/whoami").status, 200);
}
