//! This module defines the names in tokens: issuers, audiences, and random ids.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::text::is_base64url;
use rand::Rng;

use crate::jwt::b64;

/// The issuer (`iss`) of all tokens that the edge signs.
pub const EDGE: &str = "urn:pinlatch:edge";

/// The issuer (`iss`) of key sets, which the owner's root key signs.
pub const ROOT: &str = "urn:pinlatch:root";

/// The start of the audience of a site.
pub(crate) const SITE_PREFIX: &str = "urn:pinlatch:site:";

/// Returns the audience (`aud`) of tokens for a site of the edge.
pub fn site_audience(site: &Name) -> String {
    format!("{SITE_PREFIX}{site}")
}

/// The start of the audience of a device.
pub(crate) const DEVICE_PREFIX: &str = "urn:pinlatch:device:";

/// Returns the audience (`aud`) of tokens for a device.
pub fn device_audience(site: &Name, device: &Name) -> String {
    format!("{DEVICE_PREFIX}{site}/{device}")
}

/// Returns whether a nonce from another party is valid. A valid nonce has 16 to 64 base64url characters.
pub fn is_nonce(text: &str) -> bool {
    is_base64url(text, 16..=64)
}

/// The length of a thumbprint: a SHA-256 hash in base64url (RFC 7638 §3.4).
pub const THUMBPRINT: usize = 43;

/// Returns whether a text has the form of a thumbprint.
pub fn is_thumbprint(text: &str) -> bool {
    is_base64url(text, THUMBPRINT..=THUMBPRINT)
}

/// Returns a new random text of 128 bits. The text is used as a `jti`, as the id of a login, or as a session nonce.
pub fn random_id() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    b64::encode(&bytes)
}
