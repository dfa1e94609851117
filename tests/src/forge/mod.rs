//! Makes forged tokens for tests. The submodule `signer` signs any input without checks, and the submodule `attacks`
//! contains a catalogue of attacks.
//!
//! Three test suites share the files of this folder. The end-to-end tests send the tokens of every attack to a real
//! Worker. The tests of the crate `pinlatch-token` and of the agent compile the same files and verify the forged tokens
//! without a Worker. Therefore the files of this folder depend neither on `pinlatch-token` nor on the agent. The
//! functions in this folder get valid tokens as text and return altered tokens as text.

pub mod attacks;
pub mod signer;
pub mod subject;

pub use signer::Signer;
pub use subject::{Attempt, Role, Subject};

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
