//! These tests check login providers, the metadata of providers, the state of a login, and the `id_token`.

use super::*;
use crate::keys::key::SigningKey;
use crate::keys::minting::MintingKey;
use crate::kinds::refresh::RefreshClaims;
use serde_json::json;

const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://id.example/";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn table() -> Value {
    json!({ "site": "home", "issuer": ISSUER, "client_id": "pinlatch", "client_secret": "ID_SECRET" })
}

fn read(table: Value) -> Result<Provider, String> {
    let tables = json!({ "id": table });
    let secret = |name: &str| (name == "ID_SECRET").then(|| "hush".to_owned());
    let providers = Providers::read(&tables, &[name("home")], secret);
    match providers.named(&name("id")) {
        Some(provider) => Ok(provider.clone()),
        None => Err(providers.faults()["id"].clone()),
    }
}

fn document() -> Value {
    json!({ "issuer": ISSUER, "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
            "id_token_signing_alg_values_supported": ["EdDSA", "RS256", "HS256"] })
}

#[test]
fn a_wrong_table_says_why() {
    assert_eq!(read(table()).unwrap().discovery_uri(), "https://id.example/.well-known/openid-configuration");
    for (member, value) in [
        ("site", json!("moon")),
        ("issuer", json!("http://id.example/")),
        ("client_id", json!("")),
        ("client_secret", json!("UNSET")),
        ("scope", json!("email")),
        ("colour", json!("red")),
    ] {
        let mut table = table();
        table[member] = value;
        let reason = read(table).unwrap_err();
        assert!(!reason.contains("hush"), "{reason}");
    }
}

#[test]
fn a_client_id_is_one_though_its_table_is_wrong() {
    let mut wrong = table();
    wrong["client_secret"] = json!("UNSET");
    let providers = Providers::read(&json!({ "id": wrong }), &[name("home")], |_| None);
    assert_eq!(providers.client_ids().collect::<Vec<_>>(), ["pinlatch"]);
    assert_eq!(providers.faults()["id"], "client_secret: the secret \"UNSET\" is not set");
}

#[test]
fn an_address_comes_from_userinfo_of_the_same_person_alone() {
    let bare = || Identity { subject: "u1".into(), email: None, auth_time: None };
    let told = json!({ "sub": "u1", "email": "Ann@Example.org", "email_verified": true });
    assert_eq!(bare().with_userinfo(&told).email.as_deref(), Some("ann@example.org"));
    let proven = Identity { email: Some("own@example.org".into()), ..bare() };
    assert_eq!(proven.with_userinfo(&told).email.as_deref(), Some("own@example.org"));
    for (member, value) in [
        ("sub", json!("u2")),
        ("sub", json!(null)),
        ("email_verified", json!(false)),
        ("email_verified", json!("true")),
        ("email_verified", json!(null)),
        ("email", json!(["ann@example.org"])),
        ("email", json!("a".repeat(255))),
    ] {
        let mut other = told.clone();
        other[member] = value;
        assert_eq!(bare().with_userinfo(&other), bare(), "{other}");
    }
    assert_eq!(bare().with_userinfo(&json!("u1")), bare());
}

#[test]
fn a_discovery_must_be_the_providers_own() {
    let provider = read(table()).unwrap();
    let discovery = provider.read_discovery(&document()).unwrap();
    assert!(!discovery.secret_in_form && !discovery.answers_name_it);
    assert_eq!(discovery.userinfo_endpoint, None);
    for (uri, wanted) in
        [("https://id.example/me", Some("https://id.example/me")), ("http://id.example/me", None)]
    {
        let mut telling = document();
        telling["userinfo_endpoint"] = json!(uri);
        assert_eq!(provider.read_discovery(&telling).unwrap().userinfo_endpoint.as_deref(), wanted);
    }
    let mut naming = document();
    naming["authorization_response_iss_parameter_supported"] = json!(true);
    assert!(provider.read_discovery(&naming).unwrap().answers_name_it);
    for (member, value) in [
        ("issuer", json!("https://id.example")),
        ("jwks_uri", json!("http://id.example/jwks")),
        ("token_endpoint", json!(null)),
        ("token_endpoint", json!("http://127.0.0.1:8787/api/v1/token")),
        ("token_endpoint", json!("http://127.0.0.1:80@evil.example/token")),
        ("id_token_signing_alg_values_supported", json!(["HS256", "none"])),
    ] {
        let mut document = document();
        document[member] = value;
        assert!(provider.read_discovery(&document).is_err(), "{member}");
    }
}

#[test]
fn a_state_is_sealed_for_ten_minutes() {
    let keys = EdgeKeys::generate().unwrap();
    let login = LoginState::begin(&name("id"), NOW);
    let sealed = login.seal(&keys).unwrap();
    let opened = LoginState::open(&sealed, &keys, NOW + 599).unwrap();
    assert_eq!(opened, login);
    assert_eq!(LoginState::open(&sealed, &keys, NOW + 600), Err(Refusal::Expired(0)));
    assert_eq!(LoginState::open(&sealed, &EdgeKeys::generate().unwrap(), NOW), Err(Refusal::BadSeal));
    assert!(opened.is_answered_by(&name("id"), &login.state));
    assert!(!opened.is_answered_by(&name("id"), &LoginState::begin(&name("id"), NOW).state));
    assert!(!opened.is_answered_by(&name("other"), &login.state));
    assert!(RefreshClaims::open(&sealed, &keys, NOW).is_err(), "a login state is not a refresh token");
    assert!(login.verifier.len() >= 43);
    let question = read(table()).unwrap().question(&login, "https://h/cb");
    assert!(
        question.iter().all(|(_, value)| *value != login.verifier),
        "the verifier is not sent to the provider"
    );
}

#[test]
fn an_id_token_is_for_us_and_for_this_login() {
    let (provider, key) = (read(table()).unwrap(), SigningKey::generate());
    let discovery = provider.read_discovery(&document()).unwrap();
    let keys = discovery.read_keys(&json!({ "keys": [key.public_jwk()] })).unwrap();
    let login = LoginState::begin(&name("id"), NOW);
    let verify = |changes: Value| {
        let mut claims = json!({ "iss": ISSUER, "aud": "pinlatch", "sub": "u1", "iat": NOW, "exp": NOW + 60,
                                 "nonce": login.nonce, "email": "Ann@Example.org", "email_verified": true });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let minting = MintingKey::read(key.to_private_jwk().expose().as_bytes(), None).unwrap();
        let token = minting.sign("JWT", Some(key.kid()), claims.as_object().unwrap().clone()).unwrap();
        provider.verify_id_token(&token, &keys, &login, NOW)
    };
    let ann = Identity { subject: "u1".into(), email: Some("ann@example.org".into()), auth_time: None };
    assert_eq!(verify(json!({})), Ok(ann.clone()));
    assert_eq!(verify(json!({ "aud": ["pinlatch", "x"], "azp": "pinlatch" })), Ok(ann));
    for unverified in [json!(false), json!("true"), json!(null)] {
        assert_eq!(verify(json!({ "email_verified": unverified })).unwrap().email, None);
    }
    for (changes, code) in [
        (json!({ "nonce": LoginState::begin(&name("id"), NOW).nonce }), "bad_claim"),
        (json!({ "nonce": "" }), "bad_claim"),
        (json!({ "aud": "other" }), "wrong_audience"),
        (json!({ "aud": ["pinlatch", "x"] }), "bad_claim"),
        (json!({ "azp": "x" }), "bad_claim"),
        (json!({ "iss": "https://id.example" }), "wrong_issuer"),
        (json!({ "exp": NOW - 60, "iat": NOW - 120 }), "expired"),
    ] {
        assert_eq!(verify(changes.clone()).unwrap_err().code(), code, "{changes}");
    }
}
