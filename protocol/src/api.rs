//! Bodies of the HTTP API that are more than a device, a line or a command.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::admin::TokenView;
use crate::name::{Name, UserName};
use crate::scope::{Role, ScopeSet};

/// The longest password that is accepted, in bytes; longer ones would only cost hashing time.
pub const MAX_PASSWORD: usize = 256;

/// The shortest password that an account may be given, in characters (NIST SP 800-63B).
pub const MIN_PASSWORD: usize = 8;

/// A password or code on its way, which no log or `Debug` output ever shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The secret itself: for hashing and comparing only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `GET /healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The edge's version.
    pub version: String,
}

/// `POST /api/v1/session`: logs a browser in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The site; the deployment's first one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// Who.
    pub username: UserName,
    /// The password.
    pub password: Secret,
}

/// `POST /api/v1/session` with a guest link.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestRequest {
    /// The token in the link's fragment.
    pub guest: Secret,
}

/// One provider that people can log in with, as `GET /api/v1/logins` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOption {
    /// Its name: `GET /api/v1/logins/{name}` goes there.
    pub name: Name,
    /// What its button says.
    pub label: String,
}

/// The answer to it: the token itself is in a cookie now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestReply {
    /// The site.
    pub site: Name,
    /// What the link opens, and until when.
    pub guest: TokenView,
}

/// The answer to a login or refresh of a browser, whose tokens travel in cookies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReply {
    /// The site.
    pub site: Name,
    /// Who.
    pub username: UserName,
    /// Seconds until the session must be refreshed.
    pub expires_in: u64,
}

/// How a browser's session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It is there: somebody is logged in, or has a guest link open.
    Open,
    /// Its access token is there no longer, and a refresh token is: `POST /api/v1/session/refresh` may open it again.
    Renewable,
    /// There is none.
    None,
}

/// `GET /api/v1/session`: how the session of a browser stands that has just come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// How it stands.
    pub state: SessionState,
    /// The site, where it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The token's subject, where it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
}

/// `POST /api/v1/token`, as JSON or as a form (RFC 6749 §4.3, §6): logs a program in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRequest {
    /// `password` or `refresh_token`.
    pub grant_type: String,
    /// The site; the deployment's first one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// With `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// With `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// With `refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// The answer of `POST /api/v1/token` (RFC 6749 §5.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenReply {
    /// An `at+jwt`.
    pub access_token: Secret,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// A JWE, good for one use.
    pub refresh_token: Secret,
}

/// `GET /api/v1/whoami`: the verified claims and effective scopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Whoami {
    /// The site.
    pub site: Name,
    /// The token's subject.
    pub sub: String,
    /// The person's role, where the token belongs to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What the caller may do now: the token's scopes within the person's rights.
    pub scope: ScopeSet,
    /// The token's id.
    pub jti: String,
    /// The token's issuer.
    pub iss: String,
    /// Issued at, seconds of Unix time.
    pub iat: u64,
    /// Expires, seconds of Unix time.
    pub exp: u64,
}

/// `POST /api/v1/setup`: makes a site's owner, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The site; the deployment's first one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The code that `pinlatch init` printed.
    pub code: Secret,
    /// The owner's user name.
    pub username: UserName,
    /// The owner's password.
    pub password: Secret,
}

/// `POST /api/v1/enrolments`: makes a one-time enrolment code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The device's name. An enrolled device of that name is replaced when the code is used.
    pub device: Name,
}

/// The answer of `POST /api/v1/enrolments`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolmentReply {
    /// The device's name.
    pub device: Name,
    /// `https://HOST/#CODE.ROOT_THUMBPRINT`.
    pub enrol: Secret,
    /// When the code expires, seconds of Unix time.
    pub expires_at: u64,
}

/// `POST /api/v1/enrol`: a device hands in its public key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The code: the part of the enrolment string between `#` and the last `.`.
    pub code: Secret,
    /// The device's public key, an Ed25519 JWK (RFC 8037).
    pub jwk: serde_json::Value,
    /// Fresh random text that the answer's `welcome` repeats, so that it dates the answer.
    pub nonce: String,
}

/// The answer of `POST /api/v1/enrol`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolReply {
    /// The site.
    pub site: Name,
    /// The device's name.
    pub device: Name,
    /// The `devcert+jwt`.
    pub devcert: Secret,
    /// The owner's root key, an Ed25519 JWK; it must match the enrolment string's thumbprint.
    pub root_key: serde_json::Value,
    /// The current `keyset+jwt`.
    pub keyset: String,
    /// A `welcome+jwt` over the request's nonce.
    pub welcome: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let request = LoginRequest {
            site: None,
            username: UserName::new("ann").unwrap(),
            password: Secret::new("hunter2hunter2"),
        };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
