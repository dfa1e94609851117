//! A cache of verified signatures.
//!
//! The result of a signature check depends only on the token and the keys, so it can be cached. All other checks (time,
//! audience, revocation) are repeated at each use. Only valid signatures are cached, so tokens with invalid signatures
//! cannot evict entries.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::keys::KeySet;
use crate::strict::Unverified;

/// A bounded cache of tokens whose signature was verified. The oldest entry is evicted first.
#[derive(Debug)]
pub struct SignatureCache {
    capacity: usize,
    tokens: HashMap<CacheKey, Rc<Unverified>>,
    order: VecDeque<CacheKey>,
}

/// A digest of the whole token and the id of the key set. The same token has different cache keys for different key
/// sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub fn of(token: &str, keys: &KeySet) -> Self {
        Self(*blake3::keyed_hash(keys.id(), token.as_bytes()).as_bytes())
    }
}

impl SignatureCache {
    /// An empty cache for at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, tokens: HashMap::new(), order: VecDeque::new() }
    }

    /// The number of cached tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether the cache is empty.
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
