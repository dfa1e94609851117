//! The caller of a request. The Worker creates this record from a verified token.

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};

/// The fields of a verified token that a site needs. The Worker creates the principal for every request, and stores it
/// in the attachment of a panel socket. The site checks for each use that the token is still valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The site of the token.
    pub site: Name,
    /// The issuer. The issuer and `sub` together identify the principal.
    pub iss: String,
    /// The subject.
    pub sub: String,
    /// The person whose rights limit the token's scopes; `None` if the token belongs to no person.
    pub person: Option<UserName>,
    /// The token's id.
    pub jti: String,
    /// Whether this is an API token or guest link issued by this site. The attachment of a panel socket that an older
    /// Worker accepted names this field `minted`.
    #[serde(default, alias = "minted")]
    pub issued: bool,
    /// The login that the token belongs to. The token becomes invalid when the login ends.
    pub family: Option<String>,
    /// The token's scopes.
    pub scope: ScopeSet,
    /// Time of issue, in seconds of Unix time.
    pub iat: u64,
    /// Expiry, in seconds of Unix time.
    pub exp: u64,
    /// The site's generation when the token was issued. The tokens of an external issuer have no generation, so the
    /// Worker sets `u64::MAX`.
    pub generation: u64,
}

impl Principal {
    /// The principal's name in the audit log: the user name of a person, or the id of a token that the site issued, or
    /// the issuer and subject.
    pub fn actor(&self) -> String {
        match &self.person {
            Some(person) => person.to_string(),
            None if self.issued => self.sub.clone(),
            None => format!("{}#{}", self.iss, self.sub),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attachment_of_an_older_worker_is_read() {
        let text = r#"{"site":"home","iss":"pinlatch","sub":"token:t","person":"ann","jti":"t","minted":true,
            "family":null,"scope":"line:*/*:read","iat":1,"exp":2,"generation":3}"#;
        let principal: Principal = serde_json::from_str(text).unwrap();
        assert!(principal.issued);
    }
}
