//! Checks that each refusal code can occur. For each code, the tests contain a token or key that is refused with this
//! code. `docs/tokens.md` explains the codes to the owner.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is the point")]

use std::collections::BTreeSet;

use pinlatch_protocol::name::Name;
use pinlatch_token::command::{self, CommandClaims};
use pinlatch_token::{
    CodePurpose, EdgeKeys, KeyError, KeySet, Kind, MAX_PERSON_LIFE, MAX_TOKEN, MintingKey, RSA_BITS, Refusal,
    SealingKey, SigningKey, Terms, Typ, device, random_id, verify_foreign,
};
use serde_json::{Map, Value, json};

const NOW: u64 = 1_790_000_000;

fn secret() -> Vec<u8> {
    (0..64).map(|byte: u8| byte.wrapping_mul(73)).collect()
}

fn encode(bytes: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

/// Creates a token with the given header and claims and a valid signature.
fn forge(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let tag = hmac_sha256::HMAC::mac(signed.as_bytes(), secret());
    format!("{signed}.{}", encode(&tag))
}

fn mint(claims: Value) -> String {
    let key = MintingKey::read(&secret(), None).unwrap();
    key.sign("JWT", None, claims.as_object().unwrap().clone()).unwrap()
}

fn refusal_of(token: &str) -> Refusal {
    let keys = KeySet::from_key_file(&secret(), &[]).unwrap();
    let audiences = ["here".to_owned()];
    let terms = Terms {
        typ: Typ::Usual,
        issuer: Some("https://issuer"),
        audiences: Some(&audiences),
        now: Some(NOW),
        leeway: 0,
        max_life: Some(3_600),
    };
    verify_foreign(token, &keys, &terms).unwrap_err()
}

fn claims(member: &str, value: Value) -> Value {
    let mut claims =
        json!({ "iss": "https://issuer", "aud": "here", "sub": "ann", "iat": NOW - 60, "exp": NOW + 60 });
    claims[member] = value;
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn commanded(session: &str, latest_edge_ms: u64) -> Refusal {
    let (keys, site, device) =
        (EdgeKeys::generate().unwrap(), Name::new("home").unwrap(), Name::new("porch").unwrap());
    let order = CommandClaims {
        jti: "c1".into(),
        sub: "ann".into(),
        deadline_ms: NOW * 1000 + 5_000,
        line: Name::new("door").unwrap(),
        action: "pulse".into(),
        args: Map::new(),
        call: None,
    };
    let token = order.sign(&keys, &site, &device, "one-connection-and-no-other", NOW * 1000).unwrap();
    let expect = command::Expect { site: &site, device: &device, session, latest_edge_ms };
    command::verify(&token, keys.public(), &expect).unwrap_err()
}

/// Returns the refusals of six sealed tokens, each of which has a different error.
fn sealed() -> [Refusal; 6] {
    let edge = EdgeKeys::generate().unwrap();
    let key = SealingKey::read(edge.published().to_string().as_bytes()).unwrap();
    let token = key.seal("e30.e30.AAAA").unwrap();
    let (header, rest) = token.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    let open = |edge: &EdgeKeys, token: &str| {
        edge.read_sealed(token).and_then(|sealed| sealed.open(None)).unwrap_err()
    };
    let with = |member: &str, value: Value| {
        let mut header = header.clone();
        header[member] = value;
        let token = format!("{}.{rest}", encode(header.to_string().as_bytes()));
        open(&edge, &token)
    };
    let mut old: Value = serde_json::from_str(edge.to_private_jwks().expose()).unwrap();
    old["keys"].as_array_mut().unwrap().retain(|key| key["kty"] != "EC");
    [
        with("enc", json!("A128CBC-HS256")),
        with("cty", json!("text")),
        with("epk", json!({})),
        open(&EdgeKeys::from_jwks(&old.to_string()).unwrap(), &token),
        with("apu", json!("")),
        key.seal("e30.e30.").unwrap_err(),
    ]
}

#[test]
fn every_refusal_has_a_token_that_meets_it() {
    let good = claims("sub", json!("ann")).to_string();
    let jwks = json!({ "keys": [SigningKey::generate().public_jwk()] });
    let unnamed = KeySet::from_jwks(&jwks, &[]).unwrap();
    let terms = |typ| Terms { typ, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
    let other_kid = forge(r#"{"alg":"EdDSA","kid":"another"}"#, &good);
    let site = Name::new("home").unwrap();
    let (_, code) = EdgeKeys::generate().unwrap().issue_code(CodePurpose::Enrol, &site, NOW + 60).unwrap();
    let altered = {
        let token = mint(claims("sub", json!("ann")));
        let (signed, _) = token.rsplit_once('.').unwrap();
        format!("{signed}.{}", encode(&[7; 32]))
    };
    let refusals = [
        refusal_of("no token"),
        refusal_of(&forge(r#"{"alg":"HS256","alg":"HS256"}"#, &good)),
        refusal_of(&forge(r#"{"alg":"HS256","crit":["exp"]}"#, &good)),
        refusal_of(&forge(r#"{"alg":"HS256","jku":"https://keys"}"#, &good)),
        verify_foreign(&mint(claims("sub", json!("ann"))), &unnamed, &terms(Typ::Kind(Kind::Guest)))
            .unwrap_err(),
        verify_foreign(&other_kid, &unnamed, &terms(Typ::Usual)).unwrap_err(),
        refusal_of(&forge(r#"{"alg":"none"}"#, &good)),
        refusal_of(&altered),
        refusal_of(&mint(claims("exp", json!(null)))),
        refusal_of(&mint(claims("exp", json!("tomorrow")))),
        refusal_of(&mint(claims("exp", json!(NOW)))),
        refusal_of(&mint(claims("nbf", json!(NOW + 61)))),
        refusal_of(&mint(claims("exp", json!(NOW + 3_600)))),
        refusal_of(&mint(claims("iss", json!("https://issuer/")))),
        refusal_of(&mint(claims("aud", json!("there")))),
        commanded(&random_id(), NOW * 1000),
        commanded("one-connection-and-no-other", NOW * 1000 + 5_000),
        EdgeKeys::generate().unwrap().open_code(CodePurpose::Enrol, code.expose(), NOW).unwrap_err(),
    ];
    let codes: Vec<&str> = refusals.iter().chain(&sealed()).map(Refusal::code).collect();
    assert_eq!(codes, Refusal::CODES);
}

#[test]
fn every_refusal_of_a_key_has_a_key_that_meets_it() {
    let n = |bytes: usize| encode(&[vec![0xc5; bytes - 1], vec![0xc7]].concat());
    let oct = |bytes: &[u8], kid: &str| json!({ "kty": "oct", "k": encode(bytes), "kid": kid });
    let public = SigningKey::generate().public_jwk();
    let set = |keys: Value| KeySet::from_jwks(&json!({ "keys": keys }), &[]).unwrap_err();
    let private: Value = serde_json::from_str(SigningKey::generate().to_private_jwk().expose()).unwrap();
    let published = b"a-string-secret-at-least-256-bits-long";
    let refusals = [
        set(json!(["key"])),
        set(json!([oct(&secret(), "a"), oct(&secret(), "a")])),
        set(json!([{ "kty": "RSA", "n": n(256), "e": "AQAB", "use": "tls" }])),
        set(json!([private])),
        set(json!([])),
        set(json!([oct(&secret(), "a"), public])),
        set(json!([{ "kty": "RSA", "n": n(128), "e": "AQAB" }])),
        set(json!([{ "kty": "RSA", "n": n(256), "e": "Aw" }])),
        set(json!([oct(b"shhhhh", "a")])),
        set(json!([oct(published, "a")])),
        set(json!([oct(&[0; 64], "a")])),
    ];
    let codes: Vec<&str> = refusals.iter().map(KeyError::code).collect();
    assert_eq!(codes, KeyError::CODES);
}

#[test]
fn a_code_names_one_thing() {
    let all: BTreeSet<&str> = Refusal::CODES.into_iter().chain(KeyError::CODES).collect();
    assert_eq!(all.len(), Refusal::CODES.len() + KeyError::CODES.len());
}

#[test]
fn the_documentation_states_the_numbers_of_the_constants() {
    let page = include_str!("../../docs/tokens.md");
    let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
    for statement in [
        format!("with at most {} KiB in total", MAX_TOKEN / 1024),
        format!("A sealed token can have at most {} KiB", MAX_TOKEN / 1024),
        format!("or has more than {} KiB", MAX_TOKEN / 1024),
        format!("({least} to {most} bits"),
        format!("does not have {least} to {most} bits"),
        format!("{} minutes after a login", MAX_PERSON_LIFE / 60),
        format!("in `cnf` | {} days |", device::CERT_LIFE / 86_400),
    ] {
        assert!(page.contains(&statement), "docs/tokens.md does not state: {statement}");
    }
}
