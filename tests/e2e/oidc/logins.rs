//! Tests logins with a login provider over HTTP. In some tests, an attacker alters the requests and responses between
//! the browser, the login provider and Pinlatch.

use std::time::Instant;

use e2e::HostLock;
use e2e::outsiders::now;
use e2e::provider::{parameter, set_cookies};
use serde_json::json;

use super::{Stage, TestDeployment, after_the_cooldown, name_of};

/// The first login with a verified email address binds the address to the subject at the login provider. After this,
/// the edge must refuse other subjects with the same email address.
#[test]
fn a_verified_address_admits_once_and_binds_the_subject() {
    let stage = TestDeployment::shared("mail");
    stage.admit("bea", "bea@MAIL.example").ok();
    stage.is_refused("bea-unproven", "not_admitted");
    assert_eq!(name_of(&stage.log_in("bea").expect("a login")), "bea");
    let people = stage.site.get("/api/v1/users").ok().to_string();
    assert!(people.contains(r#""subject":"bea""#), "{people}");
    stage.is_refused("bea-again", "not_admitted");
    assert_eq!(name_of(&stage.log_in("bea").expect("a login")), "bea");
    // One identity at a login provider cannot belong to two people of the same site.
    let identity = json!({ "issuer": stage.provider.issuer(), "subject": "bea" });
    let taken = json!({ "identity": identity, "role": "viewer" });
    stage.site.send_json("PUT", "/api/v1/users/cem/identities", &taken).is_problem(409, "identity_taken");
}

/// If the `id_token` contains no email address, the edge must query the provider's userinfo endpoint. The edge must
/// ignore the userinfo response if the response is for another subject.
#[test]
fn an_address_is_asked_for_where_the_id_token_has_none() {
    let stage = TestDeployment::shared("terse");
    stage.provider.change(&json!({ "terse": true }));
    for (name, address) in [("bea", "bea@mail.example"), ("cem", "cem@mail.example")] {
        stage.admit(name, address).ok();
    }
    stage.is_refused("bea-unproven", "not_admitted");
    let cem = json!({ "email": "cem@mail.example", "email_verified": true });
    for userinfo in [
        json!({}),
        json!({ "sub": "somebody-else", "email": cem["email"], "email_verified": true }),
        json!({ "sub": "mallory", "email": cem["email"], "email_verified": "true" }),
    ] {
        stage.provider.change(&json!({ "userinfo": userinfo }));
        stage.is_refused("mallory", "not_admitted");
    }
    stage.provider.change(&json!({ "userinfo": null }));
    assert_eq!(name_of(&stage.log_in("bea").expect("a login")), "bea");
    // A person whose subject is already known needs no email address, so a userinfo response for another subject has no
    // effect.
    stage.provider.change(&json!({ "userinfo": cem }));
    assert_eq!(name_of(&stage.log_in("bea").expect("a login")), "bea");
    assert!(stage.provider.asked("/me") >= 6);

    // If the provider's token endpoint does not respond, the login fails after a timeout.
    stage.provider.change(&json!({ "hang": true }));
    let began = Instant::now();
    stage.is_refused("bea", "issuer_unavailable");
    assert!((5..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[test]
fn a_provider_turns_its_keys_and_algorithm_between_two_logins() {
    let stage = TestDeployment::shared("turning");
    stage.admit("ann", "ann").ok();
    let first = stage.log_in("ann").expect("a login");
    let before = stage.provider.access_token();
    stage.whoami(&before).ok();
    stage.provider.change(&json!({ "rotate": "ES256" }));
    let after = stage.provider.access_token();
    after_the_cooldown("the new key is known", || (stage.whoami(&after).status == 200).then_some(()));
    stage.whoami(&before).is_problem(401, "invalid_token");
    // The provider's discovery document lists its signing algorithms. A separate cooldown limits how often the edge
    // fetches the discovery document.
    let second = after_the_cooldown("ann logs in again", || stage.log_in("ann").ok());
    assert_eq!((name_of(&first), name_of(&second)), (json!("ann"), json!("ann")));
    let asked = stage.provider.asked("/jwks");
    assert!(asked <= 4, "the provider got {asked} key requests");
}

/// The edge must be able to use fetched keys while the login provider is down, even after the Worker restarts.
#[test]
fn a_provider_that_is_down_stops_new_logins_alone() {
    let host_lock = HostLock::beside_others();
    let world = TestDeployment::start();
    let stage = world.stage("falling", host_lock);
    stage.admit("ann", "ann").ok();
    let session = stage.log_in("ann").expect("a login");
    let tokens = [stage.provider.access_token(), stage.provider.access_token()];
    stage.whoami(&tokens[0]).ok();
    let journey = stage.begin();
    let back = stage.provider.answer(&journey.question, "ann");

    stage.provider.change(&json!({ "down": true }));
    assert_eq!(stage.finish(&back, &journey.cookie).err().as_deref(), Some("issuer_unavailable"));
    stage.whoami(&tokens[1]).ok();
    assert_eq!(name_of(&session), "ann");
    stage.site.deployment.edge().restart().expect("workerd");
    stage.whoami(&tokens[1]).ok();
    assert_eq!(name_of(&session), "ann");
    let unknown =
        stage.provider.sign(&json!({ "kid": "invented" }), &json!({ "iss": stage.provider.issuer() }));
    stage.whoami(&unknown).is_problem(401, "invalid_token");

    stage.provider.change(&json!({ "down": false }));
    assert_eq!(name_of(&stage.log_in("ann").expect("a login")), "ann");
}

#[test]
fn an_answer_that_is_bent_on_the_way_is_refused() {
    let stage = TestDeployment::shared("hostile");
    stage.admit("ann", "ann").ok();
    let refused = |back: &str, cookie: &str| {
        assert_eq!(stage.finish(back, cookie).err().as_deref(), Some("login_refused"), "{back}");
    };
    let (one, two) = (stage.begin(), stage.begin());
    for name in ["code_challenge", "nonce", "state"] {
        let (one, two) = (parameter(&one.question, name), parameter(&two.question, name));
        assert!(one.is_some_and(|value| value.len() >= 22) && one != two, "{name} is fresh");
    }
    let back = stage.provider.answer(&one.question, "ann");
    let state = parameter(&one.question, "state").expect("a state");
    let code = parameter(&back, "code").expect("a code");

    // These requests have the cookie of another login, no login cookie, or an invented login cookie.
    refused(&back, &two.cookie);
    refused(&back, "");
    refused(&back, "__Host-pinlatch_login=invented");
    refused(&back, &format!("{}; {}", one.cookie, two.cookie));
    refused(&back.replace(state, "invented"), &one.cookie);
    refused(&back.replace(&format!("state={state}"), "state="), &one.cookie);
    refused(&back.replace(&format!("code={code}"), "code=invented"), &one.cookie);
    refused(&back.replace(&format!("code={code}"), "error=access_denied"), &one.cookie);
    let elsewhere = back.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
    refused(&elsewhere, &one.cookie);
    refused(&format!("{elsewhere}&iss=https%3A%2F%2Fevil.example"), &one.cookie);
    // An attacker starts a login and uses the authorization code of another person. PKCE prevents this attack.
    let other = parameter(&two.question, "state").expect("a state");
    refused(&back.replace(state, other), &two.cookie);

    let (one, back) = fresh(&stage);
    assert_eq!(name_of(&stage.finish(&back, &one).expect("a login")), "ann");
    refused(&back, &one);
}

/// Starts a new login and answers the provider's login page. Returns the login cookie, and the callback URL with the
/// unused authorization code.
fn fresh(stage: &Stage) -> (String, String) {
    let journey = stage.begin();
    let back = stage.provider.answer(&journey.question, "ann");
    (journey.cookie, back)
}

#[test]
fn an_id_token_that_is_not_for_this_login_is_refused() {
    let stage = TestDeployment::shared("first");
    stage.admit("ann", "ann").ok();
    stage.provider.change(&json!({ "rewrite": { "nonce": "of-another-login" } }));
    stage.is_refused("ann", "login_refused");
    stage.provider.change(&json!({ "rewrite": { "state": "of-another-login" } }));
    stage.is_refused("ann", "login_refused");
    stage.provider.change(&json!({ "rewrite": {}, "forge": {} }));
    assert_eq!(name_of(&stage.log_in("ann").expect("an unchanged token is accepted")), "ann");
    for forged in [
        json!({ "aud": "another-client" }),
        json!({ "aud": ["pinlatch", "another-client"] }),
        json!({ "azp": "another-client" }),
        json!({ "iss": "https://evil.example/" }),
        json!({ "nonce": null }),
        json!({ "nonce": "" }),
        json!({ "exp": now() - 120, "iat": now() - 180 }),
        json!({ "iat": now() + 120 }),
        json!({ "exp": null }),
        json!({ "sub": null }),
    ] {
        stage.provider.change(&json!({ "forge": forged }));
        assert_eq!(stage.log_in("ann").err().as_deref(), Some("login_refused"), "{forged}");
    }
    stage.provider.change(&json!({ "forge": null }));
    assert_eq!(name_of(&stage.log_in("ann").expect("a login")), "ann");

    // If a login cannot start, a program gets a problem document instead of an HTML page.
    let answer = stage.http.get("/api/v1/logins/nobody");
    answer.is_problem(404, "not_found");
    let answer = stage.http.get("/api/v1/logins/gone");
    answer.is_problem(503, "issuer_unavailable");
    assert_eq!(set_cookies(&answer).count(), 0);
    let options = stage.http.get(&format!("/api/v1/logins?site={}", stage.site.name)).ok();
    assert_eq!(options, json!([{ "name": "first", "label": "Test ID" }]));
    assert_eq!(stage.http.get("/api/v1/logins?site=outside").ok(), json!([]));
}
