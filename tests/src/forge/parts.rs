//! Reads and writes the parts of a token.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};

/// The header or the payload of a token as a JSON object.
pub type Object = Map<String, Value>;

/// Encodes bytes as base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// Decodes base64url without padding.
pub fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}

/// Returns the header and the claims of a token.
pub fn read(token: &str) -> (Object, Object) {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&decode(part)));
    let mut next = || parts.next().expect("a part").expect("a JSON object");
    (next(), next())
}
