//! This module caches tokens whose signatures were verified.
//!
//! The result of a signature check depends only on the token and the keys, so the result can be cached. All other
//! checks, for example of the time, the audience and a revocation, are repeated at each use of a token. Only tokens
//! with valid signatures are cached. Forged tokens therefore cannot displace valid tokens from the cache.

use std::rc::Rc;

use crate::jwt::digest_cache::{Digest, DigestCache};
use crate::jwt::strict::Unverified;
use crate::keys::KeySet;

/// A cache of limited size for tokens whose signatures were verified. When the cache is full, the oldest entry is
/// removed.
#[derive(Debug)]
pub struct SignatureCache(DigestCache<Rc<Unverified>>);

/// The digest of a token, computed with the id of a key set. For each key set, the same token has a different cache
/// key.
pub(crate) struct CacheKey(Digest);

impl CacheKey {
    pub fn of(token: &str, keys: &KeySet) -> Self {
        Self(*blake3::keyed_hash(keys.id(), token.as_bytes()).as_bytes())
    }
}

impl SignatureCache {
    /// Creates an empty cache for at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self(DigestCache::new(capacity))
    }

    /// Returns the number of cached tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the cache contains no tokens.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find(&self, key: &CacheKey) -> Option<Rc<Unverified>> {
        self.0.find(&key.0)
    }

    pub(crate) fn keep(&mut self, key: CacheKey, token: Rc<Unverified>) {
        self.0.keep(key.0, token);
    }
}
