//! Arbitrary tokens: only tokens that were signed with a configured key are accepted, and nothing panics.
//!
//! The input is tried unchanged as a token. Then the input is split into up to three lines, which become the header,
//! claims and signature of a JWS, so that the input reaches the policy after the base64url decoder. The target also
//! signs the header and claims itself, by RFC 7515 and without the crate under test. For this token, `explain` and the
//! cache must agree with `verify_foreign`.
#![no_main]

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use libfuzzer_sys::fuzz_target;
use pinlatch_token::{
    Algorithm, KeySet, SignatureCache, Terms, Typ, explain, verify_foreign, verify_foreign_cached,
};

/// This key is public on purpose: no system accepts it.
const SECRET: &[u8] = b"the secret of the fuzz target, which opens nothing at all";
/// The current time for all checks, in seconds of Unix time. The tokens in the seeds are valid at this time.
const NOW: u64 = 1_800_000_000;
/// How far the clock of a signer can be ahead, in seconds.
const AHEAD: u64 = 60;

/// Public keys whose private keys were deleted, so no token can have their signature.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let jwks = serde_json::from_str(include_str!("../keys.json")).expect("JSON");
    KeySet::from_jwks(&jwks, &[]).expect("keys")
});
static OURS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::from_key_file(SECRET, &[Algorithm::Hs256]).expect("a key"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        refuse(text);
    }
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut next = || Base64UrlUnpadded::encode_string(lines.next().unwrap_or_default());
    let (header, claims, signature) = (next(), next(), next());
    refuse(&format!("{header}.{claims}.{signature}"));

    let signed = format!("{header}.{claims}");
    let mac = hmac_sha256::HMAC::mac(signed.as_bytes(), SECRET);
    let token = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac));
    let accepted = verify_foreign(&token, &OURS, &terms());
    let explanation = explain(&token, Some(&OURS), &terms());
    assert_eq!(explanation.accepted, Some(accepted.is_ok()), "{accepted:?}");
    let mut cache = SignatureCache::new(1);
    for _ in 0..2 {
        let again = verify_foreign_cached(&token, &OURS, &terms(), &mut cache);
        assert_eq!(again.map(|token| token.claims), accepted.clone().map(|token| token.claims));
    }
    if let Ok(accepted) = accepted {
        assert_eq!(accepted.alg, Algorithm::Hs256);
        assert!(accepted.exp > NOW && accepted.iat <= NOW + AHEAD);
    }
});

fn refuse(token: &str) {
    for keys in [&*KEYS, &*OURS] {
        assert!(verify_foreign(token, keys, &terms()).is_err(), "accepted without a signature");
        assert_ne!(explain(token, Some(keys), &terms()).accepted, Some(true));
    }
    let _ = explain(token, None, &terms());
}

fn terms() -> Terms<'static> {
    Terms { typ: Typ::Usual, issuer: None, audiences: None, now: Some(NOW), leeway: 0, max_life: None }
}
