//! Defines the caller of a request. The Worker creates a [`Principal`] from a verified token.

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};

/// The fields of a verified token that a site needs. The Worker creates a principal for every request. For a panel, the
/// principal is also stored in the attachment of the panel's WebSocket. The site checks at each use that the token is
/// still valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The name of the site that the token is for.
    pub site: Name,
    /// The issuer of the token. The issuer and the subject (`sub`) together identify the principal.
    pub iss: String,
    /// The subject of the token.
    pub sub: String,
    /// The person whose rights limit the token's scopes. The value is `None` if the token belongs to no person.
    pub person: Option<UserName>,
    /// The id of the token.
    pub jti: String,
    /// Whether the token is an API token or a guest link that this site issued.
    // The socket attachments of older Workers contain this field with the name `minted`.
    #[serde(default, alias = "minted")]
    pub issued: bool,
    /// The name of the external issuer in the configuration. The value is `None` for a token that the edge signed.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The id of the login to which the token belongs. The token becomes invalid when the login ends.
    pub family: Option<String>,
    /// The scopes of the token. The value is `None` for the token of a person's login, whose permissions are the
    /// person's rights. Without a person, `None` means no permissions.
    #[serde(default)]
    pub scope: Option<ScopeSet>,
    /// When the token was issued, in seconds of Unix time.
    pub iat: u64,
    /// When the token expires, in seconds of Unix time.
    pub exp: u64,
    /// The site's token generation when the token was issued. The tokens of an external issuer have no generation, so
    /// the Worker sets 0.
    pub generation: u64,
    /// When the person last proved their identity, in seconds of Unix time. Only the token of a login has this value.
    #[serde(default)]
    pub auth_time: Option<u64>,
}

impl Principal {
    /// Returns the principal's name in the audit log. The name is the user name of a person, the id of a token that the
    /// site issued, or the issuer and the subject.
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
        assert!(principal.issued && principal.scope.is_some());
        assert_eq!((principal.issuer, principal.auth_time), (None, None));
    }
}
