//! Tests access tokens of issuers that publish their keys at a URL.

use std::time::{Duration, Instant};

use e2e::forge::encode;
use e2e::outsiders::now;
use e2e::provider::{CLIENT, RESOURCE};
use e2e::{Http, eventually};
use serde_json::{Value, json};

use super::{CEILING, ODD, Stage, TestDeployment, odd_issuer, redirect_uri};

fn claims(iss: &str, more: &Value) -> Value {
    let mut claims = json!({ "iss": iss, "aud": RESOURCE, "sub": "robot", "iat": now(), "exp": now() + 300 });
    claims.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    claims
}

/// Returns a token with an invalid signature.
fn unsigned(kid: &str, iss: &str) -> String {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims(iss, &json!({})).to_string()));
    format!("{signed}.{}", encode([7; 256]))
}

#[test]
fn a_site_s_issuer_opens_no_other_and_its_id_token_opens_none() {
    let stage = TestDeployment::shared("second");
    let origin = stage.site.deployment.origin();
    let first = super::SHARED.providers.named("hostile");
    let (own, others) = (stage.provider.access_token(), first.access_token());
    let whoami = stage.whoami(&own).ok();
    assert_eq!((&whoami["site"], &whoami["iss"]), (&json!(stage.site.name), &json!(stage.provider.issuer())));
    assert_eq!(whoami["scope"], CEILING, "{whoami}");
    let whoami = stage.whoami(&others).ok();
    assert_ne!(whoami["site"], stage.site.name, "{whoami}");

    stage.site.enrolment("porch");
    stage.site.get("/api/v1/devices").ok();
    let devices = |token: &str| stage.http.bearer(token).get("/api/v1/devices").ok().to_string();
    assert!(!devices(&others).contains("porch"));
    // The key of one issuer signs these tokens, but their `iss` is another issuer.
    for (signer, speaks_for) in [(stage.provider, first), (first, stage.provider)] {
        let token = signer.sign(&json!({}), &claims(speaks_for.issuer(), &json!({})));
        stage.whoami(&token).is_problem(401, "invalid_token");
    }
    // A token with several audiences still gives access to the site of its issuer.
    let both =
        stage.provider.sign(&json!({}), &claims(stage.provider.issuer(), &json!({ "aud": [RESOURCE, "x"] })));
    assert_eq!(stage.whoami(&both).ok()["site"], stage.site.name);

    let id_token = stage.provider.id_token(&redirect_uri(origin, "second"), "ann");
    stage.admit("ann", "ann").ok();
    stage.whoami(&id_token).is_problem(401, "invalid_token");
    let mistaken = claims(super::MISTAKEN, &json!({ "aud": CLIENT }));
    stage.whoami(&stage.provider.sign(&json!({}), &mistaken)).is_problem(503, "misconfigured");
    let form =
        stage.http.post_form("/api/v1/devices/porch/lines/lamp/set", &format!("access_token={id_token}"));
    assert!(matches!(form.status, 400 | 401), "{form:?}");
    let cookie = stage
        .http
        .with("cookie", &stage.site.cookie("session", &id_token))
        .with("pinlatch-site", &stage.site.name);
    assert_eq!(cookie.get("/api/v1/whoami").status, 401);
    let guest = stage.http.post("/api/v1/session", &json!({ "guest": id_token }));
    assert!((400..500).contains(&guest.status), "{guest:?}");
}

/// Tokens with invented key ids must not cause many requests to the issuer, and must not block valid tokens.
#[test]
fn invented_key_ids_do_not_flood_the_issuer() {
    let stage = TestDeployment::shared("flooded");
    stage.whoami(&stage.provider.access_token()).ok();
    let before = stage.provider.asked("/jwks");
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let stage = &stage;
            scope.spawn(move || {
                for number in 0..100 {
                    let token = unsigned(&format!("invented-{thread}-{number}"), stage.provider.issuer());
                    stage.whoami(&token).is_problem(401, "invalid_token");
                }
            });
        }
    });
    stage.whoami(&stage.provider.access_token()).ok();
    let asked = stage.provider.asked("/jwks") - before;
    let most = 1 + began.elapsed().as_secs() / 30;
    assert!(asked <= most, "the issuer got {asked} key requests within {:?}", began.elapsed());
}

/// The first token makes the edge fetch the issuer's keys. Tokens that arrive during this fetch must wait for the fetch
/// instead of starting another fetch.
#[test]
fn a_crowd_of_first_tokens_is_let_in_by_one_fetch() {
    let stage = TestDeployment::shared("crowded");
    let tokens: Vec<String> = (0..8).map(|_| stage.provider.access_token()).collect();
    std::thread::scope(|scope| {
        for token in &tokens {
            scope.spawn(|| stage.whoami(token).ok());
        }
    });
    assert_eq!(stage.provider.asked("/jwks"), 1);
}

/// If an issuer publishes an invalid key set, requests with its tokens must get status 503. Requests with tokens of
/// other issuers must not be delayed.
#[test]
fn odd_key_sets_are_refused_and_stop_nobody_else() {
    let stage = TestDeployment::shared("odd");
    let good = stage.provider.access_token();
    stage.whoami(&good).ok();
    let asked = stage.provider.asked("/jwks");
    let honest = |kind: &str| stage.provider.sign(&json!({}), &claims(&odd_issuer(kind), &json!({})));
    let tokens = ODD.map(honest);
    std::thread::scope(|scope| {
        for (kind, token) in ODD.iter().zip(&tokens) {
            let stage = &stage;
            scope.spawn(move || {
                let began = Instant::now();
                let answer = stage.whoami(token);
                answer.is_problem(503, "issuer_unavailable");
                assert!(!answer.header("retry-after").is_empty(), "{kind}: {answer:?}");
                assert!(began.elapsed() < Duration::from_secs(20), "{kind}: {:?}", began.elapsed());
            });
        }
        scope.spawn(|| nobody_waits(&stage, &good));
    });
    assert_eq!(stage.provider.asked("/odd/redirect"), 1);
    assert_eq!(stage.provider.asked("/jwks"), asked, "a redirect was followed");
    // If a client repeats a token, the edge must refuse the token at once, without another request to the issuer.
    for token in &tokens {
        stage.whoami(token).is_problem(503, "issuer_unavailable");
    }
    assert!(stage.provider.asked("/odd/large") <= 2);
}

/// Checks that other requests are not delayed while one issuer does not respond.
fn nobody_waits(stage: &Stage, good: &str) {
    eventually(Duration::from_secs(15), "the issuer is asked", || {
        (stage.provider.asked("/odd/hang") > 0).then_some(())
    });
    let quick = |http: &Http| {
        let began = Instant::now();
        http.get("/api/v1/whoami").ok();
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    };
    quick(&stage.http.bearer(good));
    quick(&stage.site.owner);
    quick(&stage.http.bearer(&stage.provider.access_token()));
}
