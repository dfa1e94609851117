//! This module encodes and decodes strict base64url (RFC 7515 §2). A text with padding, with characters of another
//! alphabet, or with unused bits that are not zero is refused.

use base64ct::{Base64UrlUnpadded, Encoding};

pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}
