//! Bodies of the HTTP API for login, sessions, setup and enrolment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::admin::TokenView;
use crate::name::{Name, UserName};
use crate::scope::{Role, ScopeSet};

/// The longest accepted password, in bytes. A longer password is not more secure, but takes longer to hash.
pub const MAX_PASSWORD: usize = 256;

/// The shortest password of an account, in characters (NIST SP 800-63B).
pub const MIN_PASSWORD: usize = 8;

/// A password, code or token in a message. `Debug` output and logs never show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The secret itself. Use it only for hashing and comparing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The answer of `GET /healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// The edge's version.
    pub version: String,
}

/// `POST /api/v1/session`: logs a browser in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The site; if absent, the deployment's first site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The user name.
    pub username: UserName,
    /// The password.
    pub password: Secret,
}

/// `POST /api/v1/session` with a guest link: stores the link's token in a cookie of the browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestRequest {
    /// The token from the link's fragment.
    pub guest: Secret,
}

/// A login provider, as `GET /api/v1/logins` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOption {
    /// The provider's name. `GET /api/v1/logins/{name}` redirects to the provider.
    pub name: Name,
    /// The label of the provider's login button.
    pub label: String,
}

/// The answer to [`GuestRequest`]. The token itself is in a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestReply {
    /// The site.
    pub site: Name,
    /// The link's permissions and validity.
    pub guest: TokenView,
}

/// The answer to a browser's login or refresh. The tokens are in cookies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReply {
    /// The site.
    pub site: Name,
    /// The user name.
    pub username: UserName,
    /// Seconds until the session must be refreshed.
    pub expires_in: u64,
}

/// The state of a browser's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// A person is logged in, or a guest link is open.
    Open,
    /// There is a refresh token but no valid access token. `POST /api/v1/session/refresh` can renew the session.
    Renewable,
    /// There is no session.
    None,
}

/// The answer of `GET /api/v1/session`. A browser asks for its session when it loads the panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// The session's state.
    pub state: SessionState,
    /// The site, if the session is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The token's subject, if the session is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
}

/// `POST /api/v1/token`, as JSON or as a form (RFC 6749 §4.3, §6): logs a program in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRequest {
    /// `password` or `refresh_token`.
    pub grant_type: String,
    /// The site; if absent, the deployment's first site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The user name, for the grant type `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password, for the grant type `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The refresh token, for the grant type `refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// The answer of `POST /api/v1/token` (RFC 6749 §5.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenReply {
    /// The access token, an `at+jwt`.
    pub access_token: Secret,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// The refresh token, a JWE that is valid for one use.
    pub refresh_token: Secret,
}

/// The answer of `GET /api/v1/whoami`: the verified claims and effective scopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Whoami {
    /// The site.
    pub site: Name,
    /// The token's subject.
    pub sub: String,
    /// The person's role, if the token belongs to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The caller's effective scopes: the token's scopes, limited to the person's permissions.
    pub scope: ScopeSet,
    /// The token's id.
    pub jti: String,
    /// The token's issuer.
    pub iss: String,
    /// Time of issue, in seconds of Unix time.
    pub iat: u64,
    /// Expiry, in seconds of Unix time.
    pub exp: u64,
}

/// `POST /api/v1/setup`: creates the first owner of a site. This is possible only once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The site; if absent, the deployment's first site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The code that `pinlatch init` printed.
    pub code: Secret,
    /// The owner's user name.
    pub username: UserName,
    /// The owner's password.
    pub password: Secret,
}

/// `POST /api/v1/enrolments`: creates a one-time enrolment code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The device's name. If a device with this name is already enrolled, the new device replaces it.
    pub device: Name,
}

/// The answer of `POST /api/v1/enrolments`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolmentReply {
    /// The device's name.
    pub device: Name,
    /// The enrolment string, `https://HOST/#CODE.ROOT_THUMBPRINT`.
    pub enrol: Secret,
    /// When the code expires, in seconds of Unix time.
    pub expires_at: u64,
}

/// `POST /api/v1/enrol`: enrols a device with its public key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The code. It is the part of the enrolment string between `#` and the last `.`.
    pub code: Secret,
    /// The device's public key, an Ed25519 JWK (RFC 8037).
    pub jwk: serde_json::Value,
    /// Fresh random text. The answer's `welcome` contains it, which proves that the answer is current.
    pub nonce: String,
}

/// The answer of `POST /api/v1/enrol`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolReply {
    /// The site.
    pub site: Name,
    /// The device's name.
    pub device: Name,
    /// The device's certificate, a `devcert+jwt`.
    pub devcert: Secret,
    /// The owner's root key, an Ed25519 JWK. Its thumbprint must be the thumbprint in the enrolment string.
    pub root_key: serde_json::Value,
    /// The current `keyset+jwt`.
    pub keyset: String,
    /// A `welcome+jwt` with the request's nonce.
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
