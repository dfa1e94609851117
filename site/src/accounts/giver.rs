//! Records who gave something: an invitation, an enrolment code, an admission or a token. What was given counts only as
//! far as its giver may act at the time of use.

use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::Code;
use pinlatch_protocol::scope::{Role, SiteRight};

use crate::accounts::authority::Rights;
use crate::database::rows::columns;
use crate::database::store::{StoreError, Value};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The maximum length of a chain of tokens in which each token issued the next token.
pub(crate) const MAX_ANCESTORS: usize = 8;

/// The giver of an invitation, an enrolment code, an admission or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Giver {
    /// A person during a login.
    Person(UserName),
    /// The holder of an API token or guest link, with the id of the token.
    Token(String),
    /// The holder of a token of an external issuer. The site knows the issuer's scopes, but not the holder, because an
    /// issuer chooses the subjects of its tokens.
    Issuer { name: String, jti: String },
}

/// The columns that store a giver, in the tables of everything that is given. At most one of `person` and `parent` has
/// a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct GiverColumns {
    pub person: Option<UserName>,
    /// The id of the giver's token.
    pub parent: Option<String>,
    /// The name of the external issuer of the giver's token.
    pub issuer: Option<String>,
}

columns!(GiverColumns { person, parent, issuer });

impl GiverColumns {
    /// Returns the giver, or `None` if no giver is stored.
    pub fn giver(&self) -> Option<Giver> {
        match (&self.person, &self.parent, &self.issuer) {
            (Some(person), _, _) => Some(Giver::Person(person.clone())),
            (None, Some(jti), Some(name)) => Some(Giver::Issuer { name: name.clone(), jti: jti.clone() }),
            (None, Some(jti), None) => Some(Giver::Token(jti.clone())),
            (None, None, _) => None,
        }
    }
}

impl Giver {
    /// Returns the giver of everything that the principal gives.
    pub fn of(principal: &Principal) -> Result<Self, Failure> {
        match (&principal.issuer, principal.issued, &principal.person) {
            (Some(name), _, _) => Ok(Self::Issuer { name: name.clone(), jti: principal.jti.clone() }),
            (None, true, _) => Ok(Self::Token(principal.jti.clone())),
            (None, false, Some(person)) => Ok(Self::Person(person.clone())),
            (None, false, None) => Err(Code::InvalidToken.into()),
        }
    }

    /// Returns the values of the columns `person`, `parent` and `issuer`.
    pub fn values(&self) -> [Value; 3] {
        match self {
            Self::Person(person) => [person.as_str().into(), Value::Null, Value::Null],
            Self::Token(jti) => [Value::Null, jti.as_str().into(), Value::Null],
            Self::Issuer { name, jti } => [Value::Null, jti.as_str().into(), name.as_str().into()],
        }
    }
}

/// Returns the expiry of a one-time code. A code must not outlive the token of the program that makes it.
pub(crate) fn expiry_of_code(principal: &Principal, expires_at: u64) -> u64 {
    if principal.family.is_some() { expires_at } else { expires_at.min(principal.exp) }
}

impl Site<'_> {
    /// Returns what a giver may do now. The result is `None` if the giver may do nothing any more, for example because
    /// the person was removed, the token was revoked or the issuer is no longer configured.
    pub(crate) fn rights_of(&self, giver: &Giver) -> Result<Option<Rights>, StoreError> {
        match giver {
            Giver::Person(person) => self.person_rights(person.as_str()),
            Giver::Token(jti) => match self.issued_scope(jti) {
                Ok(scope) => Ok(Some(Rights { role: None, scope })),
                Err(Failure::Problem(_)) => Ok(None),
                Err(Failure::Store(error)) => Err(error),
            },
            Giver::Issuer { name, jti } => {
                let ceiling = self.config.issuers.get(name);
                match ceiling {
                    Some(scope) if !self.is_revoked(jti)? => {
                        Ok(Some(Rights { role: None, scope: scope.clone() }))
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    /// Returns the start of a giver's chain as a text: the person or the external issuer from which the giver has its
    /// rights. Limits count everything that has the same start together.
    pub(crate) fn root_of(&self, giver: &Giver) -> Result<String, StoreError> {
        let mut giver = giver.clone();
        for _ in 0..MAX_ANCESTORS {
            match &giver {
                Giver::Person(person) => return Ok(format!("person:{person}")),
                Giver::Issuer { name, .. } => return Ok(format!("issuer:{name}")),
                Giver::Token(jti) => match self.giver_of_token(jti)? {
                    Some(next) => giver = next,
                    None => break,
                },
            }
        }
        Ok("unknown".into())
    }

    /// Returns whether a giver may still let a person have these rights.
    pub(crate) fn may_still_admit(&self, giver: Option<&Giver>, given: &Rights) -> Result<bool, StoreError> {
        let Some(giver) = giver else { return Ok(false) };
        let Some(rights) = self.rights_of(giver)? else { return Ok(false) };
        let may_make = given.role != Some(Role::Owner) || rights.role == Some(Role::Owner);
        Ok(may_make && rights.scope.allows_site(SiteRight::Users) && rights.scope.covers(&given.scope))
    }
}
