//! These tests check every signature algorithm. A token must be accepted only with the public half of the key that
//! signed the token.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]

mod key;
mod properties;

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_simple::prelude::RS256KeyPair;
use p256::ecdsa::Signature;
use pinlatch_protocol::name::Name;
use pinlatch_token::{
    Accepted, Algorithm, Issuers, KeySet, MintingKey, SignatureCache, Terms, Typ, explain, verify_foreign,
    verify_foreign_cached,
};
use serde_json::{Map, Value, json};

use crate::key::{Key, encode};

const NOW: u64 = 1_790_000_000;

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_jwks(&json!({ "keys": keys }), &[]).unwrap()
}

fn claims() -> Map<String, Value> {
    let claims = json!({ "iss": "https://issuer", "sub": "ann", "aud": "bench", "iat": NOW, "exp": NOW + 600,
                         "nested": { "list": [1, -2, 0.5, null, true, "Zoë 灯"] } });
    claims.as_object().unwrap().clone()
}

fn audiences() -> &'static [String] {
    static BENCH: LazyLock<Vec<String>> = LazyLock::new(|| vec!["bench".to_owned()]);
    &BENCH
}

fn terms() -> Terms<'static> {
    Terms {
        typ: Typ::Usual,
        issuer: Some("https://issuer"),
        audiences: Some(audiences()),
        now: Some(NOW),
        leeway: 0,
        max_life: Some(3600),
    }
}

fn verify(token: &str, keys: &KeySet) -> Result<Accepted, &'static str> {
    verify_foreign(token, keys, &terms()).map_err(|refusal| refusal.code())
}

fn is_accepted(token: &str, keys: &KeySet, algorithm: Algorithm) {
    let accepted = verify(token, keys).unwrap_or_else(|code| panic!("{algorithm}: {code}"));
    assert_eq!(accepted.alg, algorithm);
    assert_eq!(*accepted.claims, claims());
    assert_eq!(accepted.header["alg"], algorithm.name());
    assert_eq!(explain(token, Some(keys), &terms()).accepted, Some(true));
}

#[track_caller]
fn is_refused(token: &str, keys: &KeySet, code: &str) {
    assert_eq!(verify(token, keys).map(drop), Err(code));
    assert_eq!(explain(token, Some(keys), &terms()).accepted, Some(false));
}

/// Signs with each form of the private key. Verifies each token with each form of the public key.
fn is_verified_as_it_was_signed(algorithm: Algorithm) {
    let key = Key::of(algorithm);
    for private in &key.private {
        let minting = || MintingKey::read(private, Some(algorithm)).unwrap();
        assert_eq!(minting().algorithm(), algorithm);
        let named = minting().sign("JWT", Some("k1"), claims()).unwrap();
        is_accepted(&named, &set(&[key.named("k1")]), algorithm);
        let unnamed = minting().sign("JWT", None, claims()).unwrap();
        for file in &key.files {
            let keys = KeySet::from_key_file(file, &[algorithm]).unwrap();
            is_accepted(&named, &keys, algorithm);
            is_accepted(&unnamed, &keys, algorithm);
        }
    }
}

/// Checks that altered tokens, tokens of other keys, and tokens with other algorithms are refused.
fn is_refused_where_anything_differs(algorithm: Algorithm) {
    let key = Key::of(algorithm);
    let keys = set(&[key.named("k1")]);
    let token = key.mint(Some("k1"), claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for at in [0, signature.len() / 2] {
        let other = if signature.as_bytes()[at] == b'A' { "B" } else { "A" };
        let altered = format!("{signed}.{}{other}{}", &signature[..at], &signature[at + 1..]);
        is_refused(&altered, &keys, "bad_signature");
    }
    for (altered, code) in [
        (format!("{signed}."), "malformed"),
        (format!("{signed}.AAAA"), "bad_signature"),
        (format!("{signed}.{}", "A".repeat(signature.len())), "bad_signature"),
        (format!("{signed}.{signature}AAAA"), "bad_signature"),
    ] {
        is_refused(&altered, &keys, code);
    }

    let family: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|other| other.family() == algorithm.family()).collect();
    for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
        if family.contains(&other) {
            is_refused(&key.mint_as(other, Some("k1"), claims()), &keys, "wrong_algorithm");
            is_refused(&key.mint_as(other, None, claims()), &key.file(), "wrong_algorithm");
            // A key that is configured for two algorithms verifies tokens of both algorithms.
            let both = KeySet::from_key_file(&key.files[0], &[algorithm, other]).unwrap();
            is_accepted(&key.mint_as(other, None, claims()), &both, other);
            is_accepted(&token, &both, algorithm);
        } else {
            is_refused(&Key::of(other).mint(Some("k1"), claims()), &keys, "wrong_algorithm");
        }
    }
    if !matches!(algorithm.name().get(..2), Some("RS" | "PS")) {
        is_refused(&Key::of(algorithm).mint(Some("k1"), claims()), &keys, "bad_signature");
    }
}

macro_rules! algorithms {
    ($($name:ident: $algorithm:ident,)*) => {
        mod signed_and_verified { $(
            #[test]
            fn $name() {
                super::is_verified_as_it_was_signed(super::Algorithm::$algorithm);
            }
        )* }
        mod refused { $(
            #[test]
            fn $name() {
                super::is_refused_where_anything_differs(super::Algorithm::$algorithm);
            }
        )* }

        #[test]
        fn none_is_left_out() {
            assert_eq!([$(Algorithm::$algorithm),*], Algorithm::ALL);
        }
    };
}

algorithms! {
    hs256: Hs256, hs384: Hs384, hs512: Hs512,
    rs256: Rs256, rs384: Rs384, rs512: Rs512,
    ps256: Ps256, ps384: Ps384, ps512: Ps512,
    es256: Es256, es384: Es384, ed_dsa: EdDsa,
}

#[test]
fn another_rsa_key_is_another_key() {
    let other = RS256KeyPair::generate(2048).unwrap();
    for algorithm in
        Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() == Algorithm::Rs256.family())
    {
        let token = MintingKey::read(other.to_pem().unwrap().as_bytes(), Some(algorithm)).unwrap();
        let token = token.sign("JWT", Some("k1"), claims()).unwrap();
        is_refused(&token, &set(&[Key::of(algorithm).named("k1")]), "bad_signature");
    }
}

#[test]
fn a_kid_chooses_and_without_one_it_must_be_clear() {
    let (one, two, ed) = (Key::of(Algorithm::Es256), Key::of(Algorithm::Es256), Key::of(Algorithm::EdDsa));
    let both = set(&[one.named("one"), two.named("two"), ed.named("ed")]);
    is_accepted(&one.mint(Some("one"), claims()), &both, Algorithm::Es256);
    is_accepted(&two.mint(Some("two"), claims()), &both, Algorithm::Es256);
    is_refused(&one.mint(Some("two"), claims()), &both, "bad_signature");
    is_refused(&one.mint(Some("ed"), claims()), &both, "wrong_algorithm");
    for unknown in ["three", "ONE", "one ", ""] {
        is_refused(&one.mint(Some(unknown), claims()), &both, "unknown_key");
    }
    is_refused(&one.mint(None, claims()), &both, "unknown_key");
    is_accepted(&ed.mint(None, claims()), &both, Algorithm::EdDsa);
    is_refused(&Key::of(Algorithm::EdDsa).mint(None, claims()), &both, "bad_signature");
    is_refused(&Key::of(Algorithm::Es384).mint(None, claims()), &both, "wrong_algorithm");
    // If a token has a `kid`, a key without a `kid` is never selected.
    is_accepted(&one.mint(None, claims()), &set(std::slice::from_ref(&one.jwk)), Algorithm::Es256);
    is_refused(&one.mint(Some("one"), claims()), &set(std::slice::from_ref(&one.jwk)), "unknown_key");
}

/// From a valid ECDSA signature (r, s), anyone can compute the second valid signature (r, n − s). The tokens with the
/// two signatures must have the same id. If the ids were different, a revoked token would be accepted with the second
/// signature.
#[test]
fn the_other_spelling_of_an_ecdsa_signature_is_the_same_token() {
    let key = Key::of(Algorithm::Es256);
    let token = key.mint(None, claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&Base64UrlUnpadded::decode_vec(signature).unwrap()).unwrap();
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -*s).unwrap();
    let other = format!("{signed}.{}", encode(&other.to_bytes()));
    assert_ne!(token, other);
    is_accepted(&other, &key.file(), Algorithm::Es256);
    let pem = String::from_utf8(key.files[0].clone()).unwrap();
    let table = json!({ "issuer": "https://issuer", "site": "home", "audience": "bench", "scope": "site:audit", "keys": pem });
    let issuers = Issuers::read(&json!({ "one": table }), &[Name::new("home").unwrap()], |_| None);
    let jti = |token: &str| issuers.admit(token, NOW, &mut SignatureCache::new(4)).unwrap().jti;
    assert_eq!(jti(&token), jti(&other));
    let mut another = claims();
    another.insert("n".into(), json!(2));
    assert_ne!(jti(&token), jti(&key.mint(None, another)));
}

#[test]
fn a_remembered_signature_answers_while_everything_else_holds() {
    let key = Key::of(Algorithm::EdDsa);
    let (keys, token, cache) = (key.file(), key.mint(None, claims()), &mut SignatureCache::new(4));
    let mut at = |terms: &Terms<'_>| {
        let outcome = verify_foreign_cached(&token, &keys, terms, cache);
        assert_eq!(cache.len(), 1);
        outcome.map(drop).map_err(|refusal| refusal.code())
    };
    assert_eq!(at(&terms()), Ok(()));
    assert_eq!(at(&Terms { now: Some(NOW + 599), ..terms() }), Ok(()));
    let other = ["other".to_owned()];
    for (terms, code) in [
        (Terms { now: Some(NOW + 600), ..terms() }, "expired"),
        (Terms { now: Some(NOW - 61), ..terms() }, "not_yet_valid"),
        (Terms { issuer: Some("https://other"), ..terms() }, "wrong_issuer"),
        (Terms { audiences: Some(&other), ..terms() }, "wrong_audience"),
        (Terms { max_life: Some(599), ..terms() }, "too_long_lived"),
        (Terms { typ: Typ::OneOf(&other), ..terms() }, "wrong_kind"),
    ] {
        assert_eq!(at(&terms), Err(code));
    }
    assert_eq!(at(&terms()), Ok(()));
}

#[test]
fn what_one_key_set_verified_says_nothing_for_another() {
    let (key, stranger) = (Key::of(Algorithm::EdDsa), Key::of(Algorithm::EdDsa));
    let token = key.mint(Some("k1"), claims());
    let cache = &mut SignatureCache::new(4);
    let mut check = |keys: &KeySet| {
        verify_foreign_cached(&token, keys, &terms(), cache).map(drop).map_err(|refusal| refusal.code())
    };
    assert_eq!(check(&set(&[key.named("k1")])), Ok(()));
    assert_eq!(check(&set(&[stranger.named("k1")])), Err("bad_signature"));
    assert_eq!(check(&set(&[key.named("k2")])), Err("unknown_key"));
    assert_eq!(check(&set(&[stranger.named("k1"), key.named("k2")])), Err("bad_signature"));
    assert_eq!(check(&stranger.file()), Err("bad_signature"));
    assert_eq!(check(&set(&[key.named("k1")])), Ok(()));
    assert_eq!(cache.len(), 1);
}

#[test]
fn the_cache_keeps_its_capacity_and_good_outcomes_only() {
    let key = Key::of(Algorithm::Hs256);
    let keys = key.file();
    let token = |n: u64| {
        let mut claims = claims();
        claims.insert("n".into(), n.into());
        key.mint(None, claims)
    };
    let cache = &mut SignatureCache::new(3);
    for n in 0..10 {
        assert!(verify_foreign_cached(&token(n), &keys, &terms(), cache).is_ok());
        assert!(cache.len() <= 3);
    }
    assert_eq!(cache.len(), 3);
    let nothing = &mut SignatureCache::new(0);
    assert!(verify_foreign_cached(&token(0), &keys, &terms(), nothing).is_ok());
    assert!(nothing.is_empty());

    let cache = &mut SignatureCache::new(3);
    let good = token(0);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let bad = [
        format!("{signed}.{}", "A".repeat(43)),
        Key::of(Algorithm::Hs256).mint(None, claims()),
        key.mint(None, Map::from_iter([("exp".into(), json!(NOW))])),
        "x.y.z".into(),
        String::new(),
        "A".repeat(10_000),
    ];
    for _ in 0..2 {
        for bad in &bad {
            assert!(verify_foreign_cached(bad, &keys, &terms(), cache).is_err());
        }
    }
    assert!(cache.is_empty());
}
