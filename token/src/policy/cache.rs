//! This module caches tokens whose signatures were verified.
//!
//! The result of a signature check depends only on the token and the keys, so the result can be cached. All other
//! checks, for example of the time, the audience and a revocation, are repeated at each use of a token. Only tokens
//! with valid signatures are cached. Forged tokens therefore cannot displace valid tokens from the cache.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::jwt::strict::Unverified;
use crate::keys::KeySet;

/// A cache of limited size for tokens whose signatures were verified. When the cache is full, the oldest entry is
/// removed.
#[derive(Debug)]
pub struct SignatureCache {
    capacity: usize,
    tokens: HashMap<CacheKey, Rc<Unverified>>,
    order: VecDeque<CacheKey>,
}

/// The digest of a token, computed with the id of a key set. For each key set, the same token has a different cache
/// key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub fn of(token: &str, keys: &KeySet) -> Self {
        Self(*blake3::keyed_hash(keys.id(), token.as_bytes()).as_bytes())
    }
}

impl SignatureCache {
    /// Creates an empty cache for at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, tokens: HashMap::new(), order: VecDeque::new() }
    }

    /// Returns the number of cached tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns whether the cache contains no tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(crate) fn find(&self, key: &CacheKey) -> Option<Rc<Unverified>> {
        self.tokens.get(key).cloned()
    }

    pub(crate) fn keep(&mut self, key: CacheKey, token: Rc<Unverified>) {
        if self.capacity == 0 || self.tokens.insert(key, token).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
    }
}
