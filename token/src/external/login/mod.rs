//! This module handles logins with an external login provider (OpenID Connect Core 1.0). A login uses the authorization
//! code flow with PKCE (RFC 7636), `state` and `nonce`. This module builds the requests to the provider and verifies
//! the provider's responses. The caller sends the requests over the network.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pinlatch_protocol::api::{MAX_PROOF_AGE, Secret};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::edge_keys::keys::EdgeKeys;
use crate::external::issuer::{not_set, read_table};
use crate::external::uri::{endpoint_uri, private_uri};
use crate::jwt::b64;
use crate::jwt::claims::bare_claims;
use crate::jwt::refusal::{Refusal, excerpt};
use crate::jwt::strict::Object;
use crate::keys::KeySet;
use crate::keys::alg::Algorithm;
use crate::kinds::access::object;
use crate::names::random_id;
use crate::policy::{Terms, Typ, verify_foreign};

/// The accepted difference between the clock of a login provider and the clock of the edge, in seconds.
const LEEWAY: u64 = 60;

/// The maximum time between the start and the end of a login at a provider, in seconds.
pub const LOGIN_LIFE: u64 = 600;

/// The purpose in an encrypted login state. The purpose distinguishes a login state from other data that is encrypted
/// with the same key.
const PURPOSE: &str = "login";

/// An external login provider, which has a table `[vars.LOGINS.NAME]` in the deployment's configuration.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The provider's name, as used in the configuration and in URLs.
    pub name: Name,
    /// The site to which people log in with this provider.
    pub site: Name,
    /// The label of the login button for this provider.
    pub label: String,
    /// The provider's `iss`. The URL of the provider's discovery document starts with the `iss`.
    pub issuer: String,
    /// The client id of this deployment at the provider.
    pub client_id: String,
    /// The client secret of this deployment at the provider. `None` if the provider requires no client secret.
    pub client_secret: Option<Secret>,
    scope: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    site: Name,
    issuer: String,
    client_id: String,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// All login providers of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    good: Vec<Provider>,
    broken: BTreeMap<String, String>,
    client_ids: Vec<String>,
}

impl Providers {
    /// Reads the login providers from the configuration. `tables` contains one table for each provider, under the
    /// provider's name. `secret` returns the value of the secret with the given name.
    pub fn read(tables: &Value, sites: &[Name], secret: impl Fn(&str) -> Option<String>) -> Self {
        let mut providers = Self::default();
        let empty = Object::new();
        for (name, table) in tables.as_object().unwrap_or(&empty) {
            providers.client_ids.extend(table.get("client_id").and_then(Value::as_str).map(str::to_owned));
            match Provider::read(name, table, sites, &secret) {
                Ok(provider) => providers.good.push(provider),
                Err(reason) => {
                    providers.broken.insert(name.clone(), reason);
                }
            }
        }
        providers
    }

    /// Returns the configuration errors by the provider's name. Only the owner can see the configuration errors.
    pub fn faults(&self) -> &BTreeMap<String, String> {
        &self.broken
    }

    /// Returns the login providers of a site.
    pub fn of_site<'a>(&'a self, site: &'a Name) -> impl Iterator<Item = &'a Provider> {
        self.good.iter().filter(move |provider| provider.site == *site)
    }

    /// Returns the login provider with this name.
    pub fn named(&self, name: &Name) -> Option<&Provider> {
        self.good.iter().find(|provider| provider.name == *name)
    }

    /// Returns the client ids of this deployment at all providers, including providers with an invalid table. A token
    /// is an `id_token`, and not an access token, if the token's audience is one of these client ids.
    pub fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.client_ids.iter().map(String::as_str)
    }
}

/// The metadata of a login provider (OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The URL to which the edge redirects the browser for a login.
    pub authorization_endpoint: String,
    /// The URL at which the edge exchanges an authorization code for tokens.
    pub token_endpoint: String,
    /// The URL of the provider's public keys.
    pub jwks_uri: String,
    /// The URL that returns information about the logged-in person. `None` if the provider has no userinfo endpoint.
    pub userinfo_endpoint: Option<String>,
    /// Whether the edge sends the client secret in the form. The form is used if the provider does not accept the
    /// client secret in the `Authorization` header.
    pub secret_in_form: bool,
    /// Whether every response of the provider contains `iss` (RFC 9207). If every response contains `iss`, the provider
    /// did not send a response without `iss`.
    pub answers_name_it: bool,
    algorithms: Vec<Algorithm>,
}

/// The state of a login that a person has started but not finished. The browser stores the state in an encrypted
/// cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginState {
    purpose: String,
    exp: u64,
    /// The name of the login provider.
    pub provider: Name,
    state: String,
    nonce: String,
    /// The PKCE code verifier. The verifier stays secret until the edge exchanges the authorization code.
    pub verifier: String,
}

/// The person who logged in at a login provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider's `sub` for the person. A provider never uses the same `sub` for two people.
    pub subject: String,
    /// The person's email address. `None` if the provider does not report the email address as verified.
    pub email: Option<String>,
    /// When the person last proved their identity to the provider, in seconds of Unix time. `None` if the provider does
    /// not report this time.
    pub auth_time: Option<u64>,
}

impl Provider {
    fn read(
        name: &str,
        table: &Value,
        sites: &[Name],
        secret: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let raw: Raw = read_table(table)?;
        if !sites.contains(&raw.site) {
            return Err(format!("`SITES` does not contain the site {:?}", raw.site.as_str()));
        }
        if raw.client_id.is_empty() {
            return Err("`client_id` is empty".into());
        }
        let client_secret = match &raw.client_secret {
            None => None,
            Some(name) => Some(secret(name).ok_or_else(|| not_set("client_secret", name))?),
        };
        let scope = raw.scope.unwrap_or_else(|| "openid email".into());
        if !scope.split(' ').any(|word| word == "openid") {
            return Err("`scope` must contain openid".into());
        }
        Ok(Self {
            name: Name::new(name).map_err(|error| format!("the provider's name: {error}"))?,
            site: raw.site,
            label: raw.label.unwrap_or_else(|| name.to_owned()),
            issuer: private_uri(&raw.issuer).map_err(|reason| format!("issuer: {reason}"))?,
            client_id: raw.client_id,
            client_secret: client_secret.map(Secret::new),
            scope,
        })
    }

    /// Returns the URL of the provider's metadata.
    pub fn discovery_uri(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'))
    }

    /// Parses the provider's metadata. The `issuer` in the metadata must be equal to the configured issuer, byte by
    /// byte.
    pub fn read_discovery(&self, document: &Value) -> Result<Discovery, String> {
        let text = |name: &str| {
            let value = document.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("the discovery document has no {name}"))
        };
        let endpoint = |name: &str| endpoint_uri(&self.issuer, &text(name)?);
        let issuer = text("issuer")?;
        if issuer != self.issuer {
            return Err(format!("the discovery document contains another issuer, {:?}", excerpt(&issuer)));
        }
        let words = |name: &str| -> Option<Vec<&str>> {
            Some(document.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
        };
        // A provider that does not support PKCE is also accepted, because the provider ignores the PKCE parameters.
        let methods = words("token_endpoint_auth_methods_supported");
        let signed = words("id_token_signing_alg_values_supported").unwrap_or_else(|| vec!["RS256"]);
        let algorithms: Vec<Algorithm> =
            signed.into_iter().filter_map(Algorithm::by_name).filter(|own| !own.is_symmetric()).collect();
        if algorithms.is_empty() {
            return Err("the provider supports no public-key algorithm that Pinlatch supports".into());
        }
        Ok(Discovery {
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            userinfo_endpoint: endpoint("userinfo_endpoint").ok(),
            secret_in_form: methods.is_some_and(|methods| {
                !methods.contains(&"client_secret_basic") && methods.contains(&"client_secret_post")
            }),
            answers_name_it: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            algorithms,
        })
    }

    /// Returns the query parameters for the redirect to the login provider.
    pub fn question(&self, login: &LoginState, redirect_uri: &str) -> [(&'static str, String); 8] {
        let challenge = b64::encode(&Sha256::digest(login.verifier.as_bytes()));
        [
            ("response_type", "code".into()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", redirect_uri.into()),
            ("scope", self.scope.clone()),
            ("state", login.state.clone()),
            ("nonce", login.nonce.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".into()),
        ]
    }

    /// Returns the additional parameters for a new proof of a logged-in person (OpenID Connect Core §3.1.2.1). The
    /// provider must ask the person again, also if the browser has a session at the provider.
    pub fn question_of_proof() -> [(&'static str, String); 2] {
        [("prompt", "login".into()), ("max_age", MAX_PROOF_AGE.to_string())]
    }

    /// Applies all checks of the policy to an `id_token` (OpenID Connect Core §3.1.3.7). The `id_token` must belong to
    /// the client id of this deployment and to this login.
    pub fn verify_id_token(
        &self,
        token: &str,
        keys: &KeySet,
        login: &LoginState,
        now: u64,
    ) -> Result<Identity, Refusal> {
        let audiences = [self.client_id.clone()];
        let terms = Terms {
            typ: Typ::Usual,
            issuer: Some(&self.issuer),
            audiences: Some(&audiences),
            now: Some(now),
            leeway: LEEWAY,
            max_life: None,
        };
        let accepted = verify_foreign(token, keys, &terms)?;
        let text = |name: &str| accepted.claims.get(name).and_then(Value::as_str);
        let nonce = text("nonce").ok_or(Refusal::MissingClaim("nonce"))?;
        if !bool::from(nonce.as_bytes().ct_eq(login.nonce.as_bytes())) {
            return Err(Refusal::BadClaim("nonce", "the value belongs to another login".into()));
        }
        // If the token has several audiences, the authorized party (`azp`) must be the client id of this deployment.
        let several = accepted.claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
        let must_be_us = several || accepted.claims.contains_key("azp");
        if must_be_us && text("azp") != Some(&self.client_id) {
            return Err(Refusal::BadClaim("azp", "the value is not the client_id of this deployment".into()));
        }
        Ok(Identity {
            email: verified_email(|name| accepted.claims.get(name)),
            auth_time: accepted.claims.get("auth_time").and_then(Value::as_u64),
            subject: accepted.sub.ok_or(Refusal::MissingClaim("sub"))?,
        })
    }
}

impl Identity {
    /// Adds the email address from the response of the userinfo endpoint (OpenID Connect Core §5.3.2). The address is
    /// added only if the `id_token` has no email address and `sub` is the same. Only the email address is used, because
    /// the response is not signed.
    #[must_use]
    pub fn with_userinfo(mut self, userinfo: &Value) -> Self {
        let is_theirs = userinfo.get("sub").and_then(Value::as_str) == Some(self.subject.as_str());
        if self.email.is_none() && is_theirs {
            self.email = verified_email(|name| userinfo.get(name));
        }
        self
    }
}

/// Returns the email address if the login provider reports the address as verified.
fn verified_email<'v>(claim: impl Fn(&str) -> Option<&'v Value>) -> Option<String> {
    let verified = claim("email_verified") == Some(&Value::Bool(true));
    let email = claim("email").and_then(Value::as_str);
    email.filter(|email| verified && email.len() <= 254).map(str::to_ascii_lowercase)
}

impl Discovery {
    /// Parses the provider's published public keys.
    pub fn read_keys(&self, jwks: &Value) -> Result<KeySet, crate::keys::key_error::KeyError> {
        KeySet::from_published_jwks(jwks, &self.algorithms)
    }
}

impl LoginState {
    /// Creates the state of a new login.
    pub fn begin(provider: &Name, now: u64) -> Self {
        Self {
            purpose: PURPOSE.into(),
            exp: now + LOGIN_LIFE,
            provider: provider.clone(),
            state: random_id(),
            nonce: random_id(),
            // RFC 7636 §4.1 requires at least 43 characters for the code verifier.
            verifier: format!("{}{}", random_id(), random_id()),
        }
    }

    /// Returns whether a response from a login provider belongs to this login.
    pub fn is_answered_by(&self, provider: &Name, state: &str) -> bool {
        self.provider == *provider && bool::from(self.state.as_bytes().ct_eq(state.as_bytes()))
    }

    /// Encrypts the login state for a cookie.
    pub fn seal(&self, keys: &EdgeKeys) -> Result<String, Refusal> {
        keys.seal_own(bare_claims(object(self)))
    }

    /// Decrypts the login state from a cookie.
    pub fn open(sealed: &str, keys: &EdgeKeys, now: u64) -> Result<Self, Refusal> {
        let opened = keys.open_own(sealed)?;
        let mut members = opened.custom;
        // jwt-simple treats `exp` and `nonce` as registered claims, so both members are missing in `custom`.
        if let Some(exp) = opened.expires_at {
            members.insert("exp".into(), exp.as_secs().into());
        }
        if let Some(nonce) = opened.nonce {
            members.insert("nonce".into(), nonce.into());
        }
        let login: Self = serde_json::from_value(Value::Object(members)).map_err(|_| Refusal::BadSeal)?;
        if login.purpose != PURPOSE {
            return Err(Refusal::BadSeal);
        }
        if now >= login.exp {
            return Err(Refusal::Expired(now - login.exp));
        }
        Ok(login)
    }
}
