//! Arbitrary key sets and key files: each is accepted or refused, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinlatch_token::{Algorithm, KeySet};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    for algorithms in [&[][..], &Algorithm::ALL, &[Algorithm::Ps256], &[Algorithm::Hs512]] {
        let _ = KeySet::from_key_file(bytes, algorithms);
    }
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let _ = KeySet::from_jwks(&value, &[]);
        let _ = KeySet::from_jwks(&value, &Algorithm::ALL);
        // An input that is a single key is also tried as the only key of a set.
        let _ = KeySet::from_jwks(&json!({ "keys": [value] }), &[]);
    }
});
