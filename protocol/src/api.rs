//! This module defines the request and response bodies of the HTTP API for logins, sessions, the setup of a site, and
//! the enrolment of devices.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::TokenView;
#[cfg(test)]
use crate::agent::MAX_STATEMENT;
use crate::name::{Name, UserName};
use crate::rule::RuleInfo;
#[cfg(test)]
use crate::rule::{MAX_BOOT, MAX_RULES};
use crate::scope::{Role, ScopeSet};
pub use crate::secret::{MAX_PASSWORD, MIN_PASSWORD, Secret};
use crate::wire_enum::wire_enum;

/// The start of the name of the cookie with the access token of a login. The site's name follows, so that a browser can
/// be logged in to several sites. Because of the prefix `__Host-`, a browser accepts the cookie only from this host and
/// only over TLS or from loopback, so that a page of a sibling domain cannot set the cookie.
pub const SESSION_COOKIE: &str = "__Host-pinlatch_session_";

/// The start of the name of the cookie with a guest link's token. The site's name follows. The guest cookie is
/// independent of the browser's login.
pub const GUEST_COOKIE: &str = "__Host-pinlatch_guest_";

/// The start of the name of the cookie with the refresh token of a login. The site's name follows.
pub const REFRESH_COOKIE: &str = "__Host-pinlatch_refresh_";

/// The header with the site that a page was drawn for. The edge refuses a request whose token is for another site.
pub const SITE_HEADER: &str = "Pinlatch-Site";

/// The header with the subject (`sub`) that a page was drawn for. The edge refuses a request whose token has another
/// subject, for example because another person has logged in since the page was opened.
pub const SUBJECT_HEADER: &str = "Pinlatch-Subject";

/// The query parameter with the same meaning as [`SITE_HEADER`], for a `GET` request. A page cannot set the headers of
/// a WebSocket upgrade.
pub const SITE_PARAMETER: &str = "site";

/// The query parameter with the same meaning as [`SUBJECT_HEADER`], for a `GET` request.
pub const SUBJECT_PARAMETER: &str = "subject";

/// The start of the name of the cookie with the client token of a browser. The site's name follows.
pub const CLIENT_COOKIE: &str = "__Host-pinlatch_client_";

/// The maximum age of a person's proof for a request that would outlive a stolen login, in seconds (RFC 9470).
pub const MAX_PROOF_AGE: u64 = 300;

/// The lifetime of the access token of a person's login, in seconds.
pub const MAX_PERSON_LIFE: u64 = 600;

/// The response body of `GET /healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// The health status, which is always `ok`.
    #[cfg_attr(test, schemars(extend("const" = "ok")))]
    pub status: String,
    /// The version of the edge.
    pub version: String,
}

/// The longest time for which the edge waits for a device's answer to a question, in milliseconds.
pub const READING_LIMIT_MS: u64 = 2_000;

/// The response body of `GET /api/v1/devices/{device}/lines/{line}/reading`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SignedReading {
    /// The level of the line as a `reading+jwt` that the device signed. The edge does not verify the reading.
    #[cfg_attr(test, schemars(length(max = MAX_STATEMENT)))]
    pub reading: String,
}

/// The response body of `GET /api/v1/devices/{device}/key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceKey {
    /// The thumbprint of the device's enrolled key (RFC 7638).
    pub thumbprint: String,
    /// The public key of the device, as a JWK. The field is absent if the device enrolled at an earlier release of the
    /// edge and has not connected since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Jwk>"))]
    pub jwk: Option<Value>,
    /// The device identity (`device+jwt`) that the owner's root key signed. The field is absent if the owner has not
    /// confirmed the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(max = MAX_STATEMENT)))]
    pub identity: Option<String>,
}

/// The response body of `POST /api/v1/devices/{device}/challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceChallenge {
    /// The challenge of the device, which a holder copies into its call. A call is valid for at most 30 s after the device
    /// made the challenge.
    pub challenge: String,
    /// The id of the agent's run, which a holder copies into its call.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_BOOT)))]
    pub boot: String,
}

/// The response body of `GET /api/v1/devices/{device}/rules`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceRules {
    /// The rules of the device, in the order of its configuration, as the device last reported them.
    #[cfg_attr(test, schemars(length(max = MAX_RULES)))]
    pub rules: Vec<RuleInfo>,
}

/// The body of `PUT /api/v1/devices/{device}/key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The device identity (`device+jwt`) that the owner's root key signed for this device and its enrolled key.
    #[cfg_attr(test, schemars(length(max = MAX_STATEMENT)))]
    pub identity: String,
}

/// The body of `POST /api/v1/session` for a login with a password in a browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The site that the person wants to log in to. If the field is absent, the edge uses the deployment's first site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The person's user name.
    pub username: UserName,
    /// The person's password.
    #[cfg_attr(test, schemars(extend("format" = "password")))]
    pub password: Secret,
}

/// The body of `POST /api/v1/session` for a guest link. The edge stores the link's token in a cookie of the browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GuestRequest {
    /// The token in the fragment (the part after `#`) of the guest link.
    pub guest: Secret,
}

/// An external login provider that people can use to log in. `GET /api/v1/logins` returns a list of login options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoginOption {
    /// The provider's name. `GET /api/v1/logins/{name}` redirects the browser to the provider.
    pub name: Name,
    /// The label of the login button for the provider.
    pub label: String,
}

/// The response body for a [`GuestRequest`]. The response contains the link's token only in a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GuestReply {
    /// The site that the guest link belongs to.
    pub site: Name,
    /// The scopes and the validity period of the guest link.
    pub guest: TokenView,
}

/// The response body for a login or a session refresh in a browser. The response contains the tokens only in cookies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SessionReply {
    /// The site that the person is logged in to.
    pub site: Name,
    /// The user name of the logged-in person.
    pub username: UserName,
    /// The time until the browser must refresh the session, in seconds.
    pub expires_in: u64,
}

wire_enum! {
    /// The state of a session in a browser.
    pub enum SessionState {
        /// A person is logged in, or the browser has a valid cookie of a guest link.
        Open = "open",
        /// The browser has a refresh token but no valid access token. `POST /api/v1/session/refresh` can renew the
        /// session.
        Renewable = "renewable",
        /// The browser has no session.
        None = "none",
    }
}

/// The response body of `GET /api/v1/session`. The panel sends the request when the browser loads the panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SessionStatus {
    /// The state of the browser's session.
    pub state: SessionState,
    /// The site that the state belongs to.
    pub site: Name,
    /// The subject (`sub`) of the session's token. The field is absent if the session is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The other sites for which the browser sent a refresh cookie, in alphabetical order. The edge does not check
    /// whether these logins are still valid. With `as=guest`, the list is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_sites: Vec<Name>,
}

/// The body of `POST /api/v1/token` (RFC 6749 §4.3, §6), with which a program logs in or refreshes its tokens. The body
/// is JSON or a form. The edge ignores unknown members, as RFC 6749 requires.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TokenRequest {
    /// The OAuth grant type: `password` or `refresh_token`.
    pub grant_type: String,
    /// The site that the program wants to log in to. If the field is absent, the edge uses the deployment's first site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The person's user name. The grant type `password` requires this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The person's password. The grant type `password` requires this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("format" = "password")))]
    pub password: Option<Secret>,
    /// The refresh token. The grant type `refresh_token` requires this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// The client token of an earlier login to the same account. With the client token, failed logins of others cannot
    /// delay this login. The edge ignores an invalid client token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<Secret>,
}

/// The response body of `POST /api/v1/token` (RFC 6749 §5.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TokenReply {
    /// The new access token, an `at+jwt`.
    pub access_token: Secret,
    /// The token type, which is always `Bearer`.
    #[cfg_attr(test, schemars(extend("const" = "Bearer")))]
    pub token_type: String,
    /// The time until the access token expires, in seconds.
    pub expires_in: u64,
    /// The new refresh token, an encrypted token (JWE). A program can use each refresh token only once.
    pub refresh_token: Secret,
    /// The client token, which a program can send with its next login with a password. The client token is an encrypted
    /// token (JWE) and gives no access. The field is absent for the grant type `refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<Secret>,
}

/// The response body of `GET /api/v1/whoami`. The body contains the verified claims of the caller's token and the
/// caller's effective scopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Whoami {
    /// The site that the token is for.
    pub site: Name,
    /// The subject (`sub`) of the caller's token.
    pub sub: String,
    /// The role of the person that the token belongs to. The field is absent if the token belongs to a program or the
    /// person has no role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The caller's effective scopes. The effective scopes of a login are the current permissions of the person. The
    /// effective scopes of any other token are the token's scopes, limited to the current permissions of its person or
    /// issuer.
    pub scope: ScopeSet,
    /// The id (`jti`) of the caller's token.
    pub jti: String,
    /// The issuer (`iss`) of the caller's token.
    pub iss: String,
    /// The time when the token was issued, in seconds of Unix time.
    pub iat: u64,
    /// The time when the token expires, in seconds of Unix time.
    pub exp: u64,
    /// The time when the person last proved their identity with a password or a login provider, in seconds of Unix
    /// time. The field is absent if the token belongs to no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// The number of commands that can still be sent with the token. The field is absent if the number is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<u32>,
}

/// The body of `POST /api/v1/session/proof`, with which a logged-in person proves their identity again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProofRequest {
    /// The person's password.
    #[cfg_attr(test, schemars(extend("format" = "password")))]
    pub password: Secret,
}

/// The body of `POST /api/v1/setup`. The call creates the first owner of a site, and works only if the site has no
/// owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The site for which the call creates an owner. If the field is absent, the edge uses the deployment's first site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// The setup code that `pinlatch init` printed.
    pub code: Secret,
    /// The user name of the new owner.
    pub username: UserName,
    /// The password of the new owner.
    #[cfg_attr(test, schemars(with = "crate::secret::schemas::NewPassword"))]
    pub password: Secret,
}

/// The body of `POST /api/v1/enrolments`. The call creates a one-time code with which a device can enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The name of the device that the code enrols. If the site already has a device with this name, the new device
    /// replaces the enrolled device.
    pub device: Name,
}

/// The response body of `POST /api/v1/enrolments`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EnrolmentReply {
    /// The name of the device that the code enrols.
    pub device: Name,
    /// The enrolment string for the agent, in the form `https://HOST/#CODE.ROOT_THUMBPRINT`.
    pub enrol: Secret,
    /// The time when the enrolment code expires, in seconds of Unix time.
    pub expires_at: u64,
}

/// The body of `POST /api/v1/enrol`. A device sends its enrolment code and its public key to enrol at a site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The enrolment code. The code is the part of the enrolment string between `#` and the last `.`.
    pub code: Secret,
    /// The device's public key as an Ed25519 JWK (RFC 8037).
    #[cfg_attr(test, schemars(with = "crate::schema::Jwk"))]
    pub jwk: serde_json::Value,
    /// A random text that the device generates for this request. The edge copies the text into `welcome`, so the device
    /// knows that the response is not a replay.
    #[cfg_attr(test, schemars(regex(pattern = "^[A-Za-z0-9_-]{16,64}$")))]
    pub nonce: String,
}

/// The response body of `POST /api/v1/enrol`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EnrolReply {
    /// The site that the device belongs to.
    pub site: Name,
    /// The name of the enrolled device.
    pub device: Name,
    /// The device's certificate, a `devcert+jwt` that the edge signed. The certificate is valid for a year.
    pub devcert: Secret,
    /// The public part of the owner's root key, as an Ed25519 JWK. The device must compare the thumbprint of this key
    /// with the thumbprint in the enrolment string.
    #[cfg_attr(test, schemars(with = "crate::schema::Jwk"))]
    pub root_key: serde_json::Value,
    /// The current `keyset+jwt`, which contains the edge's public keys.
    pub keyset: String,
    /// A `welcome+jwt` that contains the nonce of the request.
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
