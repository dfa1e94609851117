//! Tests grants, calls and lists of revocations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is the point"
)]

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::ScopeSet;
use pinlatch_token::call::{CallClaims, MAX_CALL, MAX_CALL_AGE_MS, call_digest};
use pinlatch_token::grant::{DEFAULT_GRANT_LIFE, Grant, MAX_GRANT, MAX_GRANT_LIFE, MAX_GRANT_SCOPES};
use pinlatch_token::revocations::{MAX_REVOKED, Revocations};
use pinlatch_token::{
    ChallengeSecret, EdgeKeys, HolderKey, KeySet, Refusal, SignatureCache, SigningKey, identity, keyset,
    random_id,
};
use proptest::prelude::*;
use serde_json::json;

const NOW: u64 = 1_790_000_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn scope(text: &str) -> ScopeSet {
    text.parse().unwrap()
}

struct Fixture {
    root: SigningKey,
    holders: [HolderKey; 2],
}

fn world() -> Fixture {
    let holders = [HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap()];
    Fixture { root: SigningKey::generate(), holders }
}

impl Fixture {
    fn grant(&self) -> Grant {
        let holder = self.holders[0].public().clone();
        Grant::new(&name("home"), "Ann's phone", holder, scope("line:porch/door:pulse"), NOW)
    }

    fn verify(&self, token: &str) -> Result<Grant, Refusal> {
        Grant::verify(token, &KeySet::from(self.root.public()), &name("home"), None)
    }
}

fn call() -> CallClaims {
    CallClaims {
        jti: random_id(),
        line: name("door"),
        action: "pulse".into(),
        args: json!({ "ms": 3_000 }).as_object().unwrap().clone(),
        challenge: ChallengeSecret::generate().issue(1),
        boot: random_id(),
        max_age_ms: 5_000,
    }
}

#[test]
fn a_grant_survives_signing_for_both_kinds_of_keys() {
    let w = world();
    for holder in &w.holders {
        let grant = Grant { holder: holder.public().clone(), offline: true, ..w.grant() };
        let token = grant.sign(&w.root).unwrap();
        assert_eq!(w.verify(&token), Ok(grant.clone()));
        assert_eq!(grant.expires, NOW + DEFAULT_GRANT_LIFE);
        let mut cache = SignatureCache::new(64);
        for _ in 0..2 {
            let root = KeySet::from(w.root.public());
            assert_eq!(Grant::verify(&token, &root, &name("home"), Some(&mut cache)), Ok(grant.clone()));
        }
    }
}

#[test]
fn only_the_root_key_of_the_site_grants() {
    let (w, other) = (world(), world());
    let token = w.grant().sign(&other.root).unwrap();
    assert!(matches!(w.verify(&token), Err(Refusal::UnknownKey(_))));
    let elsewhere = Grant { site: name("lab"), ..w.grant() }.sign(&w.root).unwrap();
    assert!(matches!(w.verify(&elsewhere), Err(Refusal::WrongAudience { .. })));
    // Other statements of the root key are of other kinds.
    let edge = EdgeKeys::generate().unwrap();
    let device = SigningKey::generate().public();
    for token in [
        keyset::sign(&w.root, 1, edge.public(), NOW).unwrap(),
        identity::sign(&w.root, &name("home"), &name("porch"), &device, NOW).unwrap(),
        Revocations { number: NOW * 1_000, ..Revocations::default() }.sign(&w.root, &name("home")).unwrap(),
    ] {
        assert!(matches!(w.verify(&token), Err(Refusal::WrongKind { .. })));
    }
}

#[test]
fn a_grant_has_limits() {
    let w = world();
    let refused = |change: &dyn Fn(&mut Grant)| {
        let mut grant = w.grant();
        change(&mut grant);
        grant.sign(&w.root).unwrap_err()
    };
    assert!(matches!(refused(&|grant| grant.scope = scope("")), Refusal::BadClaim("scope", _)));
    assert!(matches!(refused(&|grant| grant.scope = scope("site:audit")), Refusal::BadClaim("scope", _)));
    let many = |count: usize| {
        let scopes: Vec<String> = (0..count).map(|index| format!("line:porch/lamp-{index}:set")).collect();
        scope(&scopes.join(" "))
    };
    assert!(matches!(
        refused(&|grant| grant.scope = many(MAX_GRANT_SCOPES + 1)),
        Refusal::BadClaim("scope", _)
    ));
    assert!(matches!(refused(&|grant| grant.name = String::new()), Refusal::BadClaim("name", _)));
    assert!(matches!(refused(&|grant| grant.name = "x".repeat(65)), Refusal::BadClaim("name", _)));
    assert!(matches!(refused(&|grant| grant.name = "a\u{202e}b".into()), Refusal::BadClaim("name", _)));
    assert!(matches!(refused(&|grant| grant.not_before = grant.expires), Refusal::BadClaim("nbf", _)));
    assert!(matches!(
        refused(&|grant| grant.expires = grant.issued + MAX_GRANT_LIFE + 1),
        Refusal::TooLongLived { most: MAX_GRANT_LIFE, .. }
    ));
    // 16 scopes with names of a usual length fit, with the longest key. With the longest names, fewer scopes fit.
    let with_names = |length: usize| {
        let scopes = (0..MAX_GRANT_SCOPES)
            .map(|index| format!("line:{}/{index:0>length$}:toggle", "d".repeat(length)))
            .collect::<Vec<_>>();
        let holder = w.holders[1].public().clone();
        Grant { name: "n".repeat(64), holder, scope: scope(&scopes.join(" ")), offline: true, ..w.grant() }
    };
    assert!(with_names(16).sign(&w.root).is_ok_and(|token| token.len() <= MAX_GRANT));
    assert!(matches!(with_names(40).sign(&w.root), Err(Refusal::Malformed(_))));
}

#[test]
fn the_dates_of_a_grant_are_compared_with_the_bounds_of_the_time() {
    let grant = world().grant();
    let grant = Grant { not_before: NOW + 100, expires: NOW + 200, ..grant };
    for (latest, earliest, expected) in [
        (NOW + 150, NOW + 140, Ok(())),
        (NOW + 150, NOW + 100, Ok(())),
        (NOW + 150, NOW + 99, Err(Refusal::NotYetValid(1))),
        (NOW + 199, NOW + 150, Ok(())),
        (NOW + 200, NOW + 150, Err(Refusal::Expired(0))),
        (NOW + 260, NOW + 150, Err(Refusal::Expired(60))),
    ] {
        assert_eq!(grant.check_dates(latest, earliest), expected, "{latest} {earliest}");
    }
    assert!(!grant.covers_every_device());
    assert!(Grant { scope: scope("line:porch/*:* line:*/lamp:set"), ..grant }.covers_every_device());
}

#[test]
fn a_call_counts_for_its_holder_and_its_device_only() {
    let w = world();
    let (home, porch) = (name("home"), name("porch"));
    for (holder, other) in [(&w.holders[0], &w.holders[1]), (&w.holders[1], &w.holders[0])] {
        let claims = call();
        let token = claims.clone().sign(holder, &home, &porch, NOW).unwrap();
        assert_eq!(CallClaims::verify(&token, holder.public(), &home, &porch), Ok(claims.clone()));
        assert!(CallClaims::verify(&token, other.public(), &home, &porch).is_err());
        for (site, device) in [("home", "shed"), ("lab", "porch")] {
            let refused = CallClaims::verify(&token, holder.public(), &name(site), &name(device));
            assert!(matches!(refused, Err(Refusal::WrongAudience { .. })));
        }
        assert_eq!(CallClaims::unverified_challenge(&token), Some((claims.challenge, 5_000)));
        assert_eq!(call_digest(&token).len(), 43);
        // A device is a holder too, and its other tokens are no calls.
        let grant = w.grant().sign(&w.root).unwrap();
        assert!(matches!(
            CallClaims::verify(&grant, holder.public(), &home, &porch),
            Err(Refusal::WrongKind { .. })
        ));
    }
}

#[test]
fn a_call_has_limits() {
    let w = world();
    let (home, porch) = (name("home"), name("porch"));
    let sign = |call: CallClaims| call.sign(&w.holders[1], &home, &porch, NOW);
    for max_age_ms in [0, MAX_CALL_AGE_MS + 1, u32::MAX] {
        assert!(matches!(sign(CallClaims { max_age_ms, ..call() }), Err(Refusal::BadClaim("max_age_ms", _))));
    }
    let args = json!({ "value": "x".repeat(MAX_CALL) }).as_object().unwrap().clone();
    assert!(matches!(sign(CallClaims { args, ..call() }), Err(Refusal::Malformed(_))));
    for text in ["", "a.b.c", &"x".repeat(MAX_CALL + 1)] {
        assert_eq!(CallClaims::unverified_challenge(text), None);
        assert!(CallClaims::verify(text, w.holders[0].public(), &home, &porch).is_err());
    }
}

#[test]
fn a_list_revokes_grants_by_id_key_and_age() {
    let w = world();
    let grant = w.grant();
    let none = Revocations { number: NOW * 1_000, ..Revocations::default() };
    assert!(!none.covers(&grant));
    assert!(Revocations { grants: [grant.id.clone()].into(), ..none.clone() }.covers(&grant));
    assert!(Revocations { keys: [grant.holder.thumbprint().into()].into(), ..none.clone() }.covers(&grant));
    assert!(Revocations { void_before: NOW + 1, ..none.clone() }.covers(&grant));
    assert!(!Revocations { void_before: NOW, ..none.clone() }.covers(&grant), "signed at that time");
    let home = name("home");
    let root = KeySet::from(w.root.public());
    let many = |count| Revocations { grants: (0..count).map(|_| w.grant().id).collect(), ..none.clone() };
    let keys = |count| (0..count).map(|_| SigningKey::generate().kid().to_owned()).collect();
    for list in
        [none.clone(), many(MAX_REVOKED), Revocations { keys: keys(100), void_before: NOW, ..none.clone() }]
    {
        let token = list.sign(&w.root, &home).unwrap();
        assert_eq!(Revocations::verify(&token, &root, &home), Ok(list));
        assert!(Revocations::verify(&token, &root, &name("lab")).is_err());
        let other = KeySet::from(SigningKey::generate().public());
        assert!(matches!(Revocations::verify(&token, &other, &home), Err(Refusal::UnknownKey(_))));
    }
    let too_long = Revocations { keys: keys(MAX_REVOKED), ..none.clone() };
    assert!(matches!(too_long.sign(&w.root, &home), Err(Refusal::Malformed(_))));
    assert!(matches!(many(MAX_REVOKED + 1).sign(&w.root, &home), Err(Refusal::BadClaim("grants", _))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No text makes a verifier panic, and no text is accepted.
    #[test]
    fn arbitrary_texts_are_refused(text in "[A-Za-z0-9_.{}\":-]{0,200}") {
        let w = world();
        let root = KeySet::from(w.root.public());
        prop_assert!(w.verify(&text).is_err());
        prop_assert!(Revocations::verify(&text, &root, &name("home")).is_err());
        prop_assert!(CallClaims::verify(&text, w.holders[0].public(), &name("home"), &name("porch")).is_err());
        let _ = CallClaims::unverified_challenge(&text);
    }
}
