//! This module defines the type of secret texts in messages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum length of a password, in bytes. The limit exists because a longer password takes more time to hash but
/// is not more secure.
pub const MAX_PASSWORD: usize = 256;

/// The minimum length of an account's password, in characters (NIST SP 800-63B).
pub const MIN_PASSWORD: usize = 8;

/// A password, a one-time code or a token in a message. The `Debug` output does not contain the secret text, so the
/// text cannot get into a log by mistake.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(with = "String"))]
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

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::{MAX_PASSWORD, MIN_PASSWORD};

    crate::schema::schemas! {
        struct NewPassword = |_| json_schema!({
            "description": format!(
                "A new password, with at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes of UTF-8."
            ),
            "type": "string",
            "format": "password",
            "minLength": MIN_PASSWORD,
            "maxLength": MAX_PASSWORD,
        });
    }
}
