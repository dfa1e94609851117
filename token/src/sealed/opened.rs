//! This module caches the content of sealed tokens.
//!
//! The content of a sealed token depends only on the token and the edge's keys, so the content can be cached. Each use
//! of a token repeats all checks of the signed JWT in the content. Anyone can encrypt a token for the edge, so the
//! caller adds only tokens whose content passed these checks.

use std::rc::Rc;

use crate::jwt::digest_cache::{Digest, DigestCache};
use crate::jwt::strict::MAX_TOKEN;

/// A cache of limited size for the content of sealed tokens. When the cache is full, the oldest entry is removed.
pub struct OpenedTokens(DigestCache<Rc<str>>);

impl OpenedTokens {
    /// Creates an empty cache for at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self(DigestCache::new(capacity))
    }

    /// Returns the signed JWT inside a sealed token, if the cache contains the token.
    pub fn find(&self, token: &str) -> Option<Rc<str>> {
        // A token that is too long is never cached, so its digest is not computed.
        if self.0.is_empty() || token.len() > MAX_TOKEN { None } else { self.0.find(&digest(token)) }
    }

    /// Adds a sealed token with its content. The content must have passed all checks of a signed token.
    pub fn keep(&mut self, token: &str, content: Rc<str>) {
        self.0.keep(digest(token), content);
    }
}

fn digest(token: &str) -> Digest {
    *blake3::hash(token.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_tokens_are_found() {
        let mut opened = OpenedTokens::new(2);
        assert_eq!(opened.find("a.b.c.d.e"), None);
        for token in ["1", "2", "2", "3"] {
            opened.keep(token, format!("content {token}").into());
        }
        assert_eq!(opened.find("1"), None, "the oldest token is forgotten");
        assert_eq!(opened.find("2").as_deref(), Some("content 2"));
        assert_eq!(opened.find("3").as_deref(), Some("content 3"));
    }
}
