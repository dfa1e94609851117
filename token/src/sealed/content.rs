//! This module checks the form of the JWT inside a sealed token.

use crate::jwt::refusal::Refusal;
use crate::jwt::strict::MAX_TOKEN;

/// Returns whether a text has five parts, like a sealed token. A signed token has three parts.
pub fn is_sealed(token: &str) -> bool {
    token.split('.').take(6).count() == 5
}

/// Checks that the decrypted content has the form of a signed JWT. The content must have a signature and must not be
/// another sealed token. The signature is not verified here.
pub(super) fn check_content(token: &str) -> Result<(), Refusal> {
    if is_sealed(token) {
        return Err(Refusal::BadContent("the content is another sealed token"));
    }
    match token.split('.').collect::<Vec<_>>().as_slice() {
        [_, _, ""] => Err(Refusal::BadContent("the content is not signed")),
        [_, _, _] if token.len() <= MAX_TOKEN => Ok(()),
        [_, _, _] => Err(Refusal::BadContent("the JWT is longer than 8 KiB")),
        _ => Err(Refusal::BadContent("the JWT does not have three parts")),
    }
}
