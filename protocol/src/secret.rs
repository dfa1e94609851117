//! This module defines the type of secret texts in messages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, a one-time code or a token in a message. The `Debug` output does not contain the secret text, so the
/// text cannot get into a log by mistake.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Creates a `Secret` from a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// Returns the secret text. The caller must not write the text to a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
