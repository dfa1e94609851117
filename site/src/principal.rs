//! Who asks: the record that the Worker makes of a verified token.

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};

/// A verified token, reduced to what a site needs. It is made by the Worker for every request, and kept in
/// a panel socket's attachment; whether it still holds is asked of the site each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The site that the token is for.
    pub site: Name,
    /// The issuer. With `sub` it names the principal.
    pub iss: String,
    /// The subject.
    pub sub: String,
    /// The person whose rights bound the token's, where there is one.
    pub person: Option<UserName>,
    /// The token's id.
    pub jti: String,
    /// Whether it is an API token or guest link that this site minted.
    #[serde(default)]
    pub minted: bool,
    /// The refresh family that the token was minted from; it dies with it.
    pub family: Option<String>,
    /// The token's scopes.
    pub scope: ScopeSet,
    /// Issued at, seconds of Unix time.
    pub iat: u64,
    /// Expires, seconds of Unix time.
    pub exp: u64,
    /// The site's generation at issue. A token of an external issuer has none: the Worker then writes
    /// `u64::MAX`.
    pub generation: u64,
}

impl Principal {
    /// How the audit log names the principal: a person by user name, a minted token by its id, anyone else by
    /// issuer and subject.
    pub fn actor(&self) -> String {
        match &self.person {
            Some(person) => person.to_string(),
            None if self.minted => self.sub.clone(),
            None => format!("{}#{}", self.iss, self.sub),
        }
    }
}
