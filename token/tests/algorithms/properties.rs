//! These property tests check tokens. A token with a changed bit is refused. The verified claims are equal to the
//! signed claims. An explanation agrees with the policy.

use std::sync::LazyLock;

use pinlatch_token::{Accepted, Algorithm, KeySet, Refusal, Terms, explain, verify_foreign};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::key::{Key, encode, secret};
use crate::{NOW, claims, set, terms};

/// One token for each algorithm, with the keys that verify the token. The tokens are created only once, because the
/// tests use the tokens often.
static TOKENS: LazyLock<Vec<(Algorithm, String, KeySet)>> = LazyLock::new(|| {
    let made = Algorithm::ALL.into_iter().map(|algorithm| {
        let key = Key::of(algorithm);
        (algorithm, key.mint(Some("k1"), claims()), set(&[key.named("k1")]))
    });
    made.collect()
});

fn a_changed_bit_is_refused(algorithm: Algorithm, at: prop::sample::Index, bit: u8) {
    let (_, token, keys) = TOKENS.iter().find(|(own, ..)| *own == algorithm).unwrap();
    let mut bytes = token.clone().into_bytes();
    let index = at.index(bytes.len());
    bytes[index] ^= 1 << bit;
    if let Ok(altered) = String::from_utf8(bytes) {
        assert!(verify_foreign(&altered, keys, &terms()).is_err(), "{algorithm}: bit {bit} of byte {index}");
        assert_eq!(explain(&altered, Some(keys), &terms()).accepted, Some(false), "{algorithm}");
    }
}

/// Generates nested JSON. Every JSON parser can represent the generated numbers exactly.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000_000..1_000_000i32).prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Generates members that the policy checks. The values are sometimes valid and sometimes invalid.
fn almost_right(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        4 => prop::sample::select(vec![
            json!("HS256"), json!("none"), json!("JWT"), json!("at+jwt"), json!("cmd+jwt"), json!("k1"), json!(""),
            json!("https://issuer"), json!("https://other"), json!("bench"), json!(["x", "bench"]), json!([]),
            json!(NOW), json!(NOW + 600), json!(NOW - 600), json!(NOW + 60), json!(NOW + 61), json!(1.5), json!("x"),
        ]),
        1 => any_json(),
    ];
    prop::collection::btree_map(prop::sample::select(names), value, 0..names.len())
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Checks that any text is handled without a panic, and that the explanation agrees with the policy.
fn is_explained_as_it_is_judged(token: &str) -> bool {
    let mut accepted = false;
    for (_, _, keys) in
        TOKENS.iter().filter(|(algorithm, ..)| matches!(algorithm, Algorithm::Hs256 | Algorithm::EdDsa))
    {
        for terms in [terms(), Terms { issuer: None, audiences: None, now: None, max_life: None, ..terms() }]
        {
            let verdict: Result<Accepted, Refusal> = verify_foreign(token, keys, &terms);
            assert_eq!(
                explain(token, Some(keys), &terms).accepted,
                Some(verdict.is_ok()),
                "{verdict:?} {token:?}"
            );
            let without_keys = explain(token, None, &terms).accepted;
            assert!(without_keys == Some(false) || without_keys.is_none(), "{token:?}");
            assert!(verdict.is_err() || without_keys.is_none(), "{token:?}");
            accepted |= verdict.is_ok();
        }
    }
    accepted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_changed_bit_is_refused(at: prop::sample::Index, bit in 0u8..8) {
        for cheap in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512, Algorithm::Es256, Algorithm::EdDsa] {
            a_changed_bit_is_refused(cheap, at, bit);
        }
    }

    #[test]
    fn what_was_minted_is_what_is_verified(more in prop::collection::btree_map("[a-z_]{1,10}", any_json(), 0..6)) {
        let mut all: Map<String, Value> = more.into_iter().collect();
        // The registered claims must have the types that jwt-simple and the policy require.
        all.remove("nonce");
        all.extend(claims());
        for algorithm in [Algorithm::Hs256, Algorithm::EdDsa] {
            let key = Key::of(algorithm);
            let token = key.mint(None, all.clone());
            match verify_foreign(&token, &key.file(), &terms()) {
                Ok(accepted) => prop_assert_eq!(&*accepted.claims, &all),
                Err(refusal) => prop_assert!(token.len() > 8 * 1024, "{} {}", refusal, token),
            }
        }
    }

    #[test]
    fn arbitrary_text_is_explained_as_it_is_judged(
        bytes: Vec<u8>,
        text in "\\PC{0,200}",
        parts in "[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}",
    ) {
        for token in [&*String::from_utf8_lossy(&bytes), &text, &parts] {
            prop_assert!(!is_explained_as_it_is_judged(token));
        }
    }

    #[test]
    fn almost_right_tokens_are_explained_as_they_are_judged(
        header in almost_right(&["alg", "typ", "kid", "cty", "crit", "jwk", "x5t", "b64"]),
        changes in almost_right(&["iss", "aud", "sub", "jti", "iat", "exp", "nbf", "nonce", "scope"]),
        dropped in prop::collection::vec(prop::sample::select(&["alg", "typ", "kid", "iss", "aud", "iat", "exp"][..]), 0..2),
    ) {
        static SIGNED: LazyLock<Key> = LazyLock::new(|| Key::of_secret(Algorithm::Hs256, &secret()));
        let mut all_header = json!({ "alg": "HS256", "typ": "JWT", "kid": "k1" }).as_object().unwrap().clone();
        let mut all_claims = claims();
        // Half of the headers are not changed, so that the checks after the header check also run.
        if changes.len() % 2 == 0 {
            all_header.extend(header);
        }
        all_claims.extend(changes);
        for name in dropped {
            all_header.remove(name);
            all_claims.remove(name);
        }
        let signed = format!("{}.{}", encode(Value::Object(all_header).to_string().as_bytes()),
            encode(Value::Object(all_claims).to_string().as_bytes()));
        let tag = hmac_sha256::HMAC::mac(&signed, &SIGNED.private[0]);
        let token = format!("{signed}.{}", encode(&tag));
        is_explained_as_it_is_judged(&token);
        for terms in [terms(), Terms { issuer: None, audiences: None, now: None, max_life: None, ..terms() }] {
            let verdict = verify_foreign(&token, &SIGNED.file(), &terms);
            prop_assert_eq!(explain(&token, Some(&SIGNED.file()), &terms).accepted, Some(verdict.is_ok()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_changed_bit_is_refused_by_slow_algorithms_too(at: prop::sample::Index, bit in 0u8..7) {
        for (slow, ..) in TOKENS.iter() {
            a_changed_bit_is_refused(*slow, at, bit);
        }
    }
}
