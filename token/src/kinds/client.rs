//! This module encrypts and decrypts client tokens. With a client token, a browser or program shows that it has logged
//! in before. The token gives no access. It only separates the client's failed logins from the failed logins of others.

use pinlatch_protocol::name::{Name, UserName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::edge_keys::keys::EdgeKeys;
use crate::jwt::claims::{Registered, claims};
use crate::jwt::refusal::Refusal;
use crate::kinds::access::object;
use crate::names::{EDGE, site_audience};

/// The time after which an unused client token expires, in seconds.
pub const LIFE: u64 = 180 * 86_400;

/// The maximum number of people per client token. If more people log in, the first person is removed.
const MAX_PEOPLE: usize = 4;

/// The purpose in a client token. The purpose distinguishes a client token from other data that is encrypted with the
/// same key.
const PURPOSE: &str = "client";

/// The contents of a client token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientClaims {
    /// The site that the client has logged in to.
    pub site: Name,
    /// The people who have logged in with this client, with the last person at the end.
    pub people: Vec<UserName>,
    /// The id of the client.
    pub id: String,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    purpose: String,
    site: Name,
    people: Vec<UserName>,
}

impl ClientClaims {
    /// Adds a person who has logged in.
    pub fn add(&mut self, username: UserName) {
        self.people.retain(|person| *person != username);
        self.people.push(username);
        let extra = self.people.len().saturating_sub(MAX_PEOPLE);
        self.people.drain(..extra);
    }

    /// Returns whether the person has logged in to the site with this client.
    pub fn knows(&self, site: &Name, username: &UserName) -> bool {
        self.site == *site && self.people.contains(username)
    }

    /// Encrypts the client token.
    pub fn seal(&self, keys: &EdgeKeys, now: u64) -> Result<String, Refusal> {
        let registered = Registered {
            iss: EDGE.into(),
            sub: self.id.clone(),
            aud: site_audience(&self.site),
            jti: self.id.clone(),
            iat: now,
            exp: now + LIFE,
        };
        let custom = Custom { purpose: PURPOSE.into(), site: self.site.clone(), people: self.people.clone() };
        keys.seal_own(claims(&registered, object(&custom)))
    }

    /// Decrypts a client token that a client sent.
    pub fn open(token: &str, keys: &EdgeKeys, now: u64) -> Result<Self, Refusal> {
        let opened = keys.open_own(token)?;
        let other = || Refusal::BadClaim("purpose", "the encrypted text is not a client token".into());
        let custom: Custom = serde_json::from_value(Value::Object(opened.custom)).map_err(|_| other())?;
        if custom.purpose != PURPOSE {
            return Err(other());
        }
        let exp = opened.expires_at.ok_or(Refusal::MissingClaim("exp"))?.as_secs();
        if now >= exp {
            return Err(Refusal::Expired(now - exp));
        }
        let id = opened.jwt_id.ok_or(Refusal::MissingClaim("jti"))?;
        Ok(Self { site: custom.site, people: custom.people, id })
    }
}
