//! Forges tokens: signs any input without policy checks, and contains a catalogue of attacks.
//!
//! Three test suites share these files. The end-to-end tests send every attack to a real Worker. The tests of
//! `pinlatch-token` and of the agent compile the same files and check the tokens without a Worker. So the files depend
//! on neither crate: they get valid tokens as text and return altered tokens as text.

pub mod attacks;
pub mod signer;
pub mod subject;

pub use signer::Signer;
pub use subject::{Attempt, Role, Subject};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};

/// The header or the payload of a token.
pub type Object = Map<String, Value>;

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// Decodes base64url without padding.
pub fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}

/// The header and claims of a token.
pub fn read(token: &str) -> (Object, Object) {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&decode(part)));
    let mut next = || parts.next().expect("a part").expect("a JSON object");
    (next(), next())
}
