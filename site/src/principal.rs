//! The caller: a record that the Worker creates from a verified token.

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};

/// A verified token, reduced to the fields that a site needs. The Worker creates it for every request and keeps it in a
/// panel socket's attachment. The site checks its validity at each use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The site of the token.
    pub site: Name,
    /// The issuer. Issuer and `sub` together identify the principal.
    pub iss: String,
    /// The subject.
    pub sub: String,
    /// The person whose rights limit the token's scopes, if any.
    pub person: Option<UserName>,
    /// The token's id.
    pub jti: String,
    /// Whether this is an API token or guest link issued by this site.
    #[serde(default)]
    pub minted: bool,
    /// The refresh family from which the token was issued; the token becomes invalid when the family ends.
    pub family: Option<String>,
    /// The token's scopes.
    pub scope: ScopeSet,
    /// Issued at, in seconds of Unix time.
    pub iat: u64,
    /// Expires at, in seconds of Unix time.
    pub exp: u64,
    /// The site's generation at issue. For a token of an external issuer, which has no generation, the Worker sets
    /// `u64::MAX`.
    pub generation: u64,
}

impl Principal {
    /// The principal's name in the audit log: the user name of a person, the id of an issued token, otherwise issuer
    /// and subject.
    pub fn actor(&self) -> String {
        match &self.person {
            Some(person) => person.to_string(),
            None if self.minted => self.sub.clone(),
            None => format!("{}#{}", self.iss, self.sub),
        }
    }
}
