//! Forging tokens: raw signing without any of the policy's checks, and a catalogue of attacks.
//!
//! The files are shared: the end-to-end tests send every attack to a real Worker, the tests of
//! `pinlatch-token` and of the agent compile them once more and check them in the same process. So they know
//! neither crate: honest tokens come in as text, and altered ones go out.

pub mod attacks;
pub mod signer;
pub mod subject;

pub use signer::Signer;
pub use subject::{Attempt, Role, Subject};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};

/// A header or a payload.
pub type Object = Map<String, Value>;

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// What base64url without padding stands for.
pub fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}

/// The header and the claims of an honest token.
pub fn read(token: &str) -> (Object, Object) {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&decode(part)));
    let mut next = || parts.next().expect("a part").expect("a JSON object");
    (next(), next())
}
