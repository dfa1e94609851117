//! This module implements a cache of limited size, whose keys are digests of tokens.

use std::collections::{HashMap, VecDeque};

/// A digest of 256 bits.
pub(crate) type Digest = [u8; 32];

/// A cache of limited size. When the cache is full, the oldest entry is removed.
#[derive(Debug)]
pub(crate) struct DigestCache<V> {
    capacity: usize,
    values: HashMap<Digest, V>,
    order: VecDeque<Digest>,
}

impl<V: Clone> DigestCache<V> {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, values: HashMap::new(), order: VecDeque::new() }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn find(&self, key: &Digest) -> Option<V> {
        self.values.get(key).cloned()
    }

    pub fn keep(&mut self, key: Digest, value: V) {
        if self.capacity == 0 || self.values.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }
}
