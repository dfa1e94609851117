//! This module defines the claims that all tokens have in common.

use jwt_simple::prelude::{JWTClaims, NoCustomClaims};

use crate::jwt::strict::Object;

/// The registered claims (RFC 7519 §4.1) that all of Pinlatch's own tokens contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The issuer of the token.
    pub iss: String,
    /// The subject of the token.
    pub sub: String,
    /// The audience of the token. If the token has several audiences, the field contains the audience that was
    /// accepted.
    pub aud: String,
    /// The id of the token.
    pub jti: String,
    /// The time when the token was issued, in seconds of Unix time.
    pub iat: u64,
    /// The time when the token expires, in seconds of Unix time. The token is already invalid at the time `exp`.
    pub exp: u64,
}

/// Merges the registered claims into the claims of the token's kind. All claims are then in `custom`, so jwt-simple
/// adds no claims.
pub(crate) fn claims(registered: &Registered, mut custom: Object) -> JWTClaims<Object> {
    for (name, text) in [
        ("iss", &registered.iss),
        ("sub", &registered.sub),
        ("aud", &registered.aud),
        ("jti", &registered.jti),
    ] {
        custom.insert(name.into(), text.as_str().into());
    }
    custom.insert("iat".into(), registered.iat.into());
    custom.insert("exp".into(), registered.exp.into());
    bare_claims(custom)
}

/// Wraps the claims so that jwt-simple signs the claims without changes.
pub(crate) fn bare_claims(claims: Object) -> JWTClaims<Object> {
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom: claims,
    }
}

/// The type of claims with which jwt-simple checks only the signature.
pub(crate) type SignatureOnly = NoCustomClaims;
