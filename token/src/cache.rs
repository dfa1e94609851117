//! Signatures that were verified before.
//!
//! A signature's outcome depends on the token and the keys alone, so it may be remembered; everything else
//! (time, audience, revocation) is decided anew at each use. Only good outcomes are kept: what strangers
//! send cannot push anything out.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::keys::KeySet;
use crate::strict::Unverified;

/// A bounded memory of tokens whose signature was verified. The oldest goes first.
#[derive(Debug)]
pub struct SignatureCache {
    capacity: usize,
    tokens: HashMap<CacheKey, Rc<Unverified>>,
    order: VecDeque<CacheKey>,
}

/// A digest of the whole token, keyed by the key set: for another set it is another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub fn of(token: &str, keys: &KeySet) -> Self {
        Self(*blake3::keyed_hash(keys.id(), token.as_bytes()).as_bytes())
    }
}

impl SignatureCache {
    /// An empty one for so many tokens.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, tokens: HashMap::new(), order: VecDeque::new() }
    }

    /// How many tokens it knows.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it knows none.
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
