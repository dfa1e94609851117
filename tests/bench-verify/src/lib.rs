//! The functions that `worker.js` calls to verify one token repeatedly, with or without a signature cache.

use pinlatch_token::{KeySet, SignatureCache, Terms, Typ, verify_foreign, verify_foreign_cached};
use wasm_bindgen::prelude::*;

/// The capacity of the signature cache, which is larger than the number of tokens in this benchmark.
const CAPACITY: usize = 64;

/// A token verifier, with its keys, the expected issuer and audience, and a cache of verified signatures.
#[wasm_bindgen]
pub struct Verifier {
    keys: KeySet,
    cache: SignatureCache,
    issuer: String,
    audiences: Vec<String>,
}

#[wasm_bindgen]
impl Verifier {
    #[wasm_bindgen(constructor)]
    pub fn new(jwks: &str, issuer: String, audience: String) -> Result<Verifier, JsError> {
        let jwks = serde_json::from_str(jwks)?;
        let keys = KeySet::from_jwks(&jwks, &[])?;
        Ok(Self { keys, cache: SignatureCache::new(CAPACITY), issuer, audiences: vec![audience] })
    }

    /// Verifies a token `count` times without the signature cache. The argument `now` is the current time in seconds
    /// since the Unix epoch.
    pub fn verify_many(&self, token: &str, count: u32, now: f64) -> Result<(), JsError> {
        let terms = terms(&self.issuer, &self.audiences, now);
        for _ in 0..count {
            std::hint::black_box(verify_foreign(token, &self.keys, &terms)?);
        }
        Ok(())
    }

    /// Verifies a token `count` times with the signature cache. The argument `now` is the current time in seconds since
    /// the Unix epoch.
    pub fn verify_many_cached(&mut self, token: &str, count: u32, now: f64) -> Result<(), JsError> {
        let terms = terms(&self.issuer, &self.audiences, now);
        for _ in 0..count {
            std::hint::black_box(verify_foreign_cached(token, &self.keys, &terms, &mut self.cache)?);
        }
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of our time")]
fn terms<'a>(issuer: &'a str, audiences: &'a [String], now: f64) -> Terms<'a> {
    Terms {
        typ: Typ::Usual,
        issuer: Some(issuer),
        audiences: Some(audiences),
        now: Some(now as u64),
        leeway: 0,
        max_life: None,
    }
}
