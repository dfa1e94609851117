//! Distinguishes the clients that try to log in. The gate limits the failed logins of each client.

use pinlatch_protocol::name::{Name, UserName};
use serde::{Deserialize, Serialize};

/// A client that tries to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Client {
    /// A browser or program that has logged in to this account before, with the id in its client token. Failed logins
    /// of other clients have no effect on a known client.
    Known(String),
    /// Any other client, with its network address. The address is empty if it is unknown.
    Address(String),
}

impl Client {
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Returns a key that is different for each client. A known client cannot have the key of an address.
    pub fn key(&self) -> String {
        match self {
            Self::Known(id) => format!("known {id}"),
            Self::Address(address) => address.clone(),
        }
    }
}

/// An attempt to log in to an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attempt {
    pub site: Name,
    pub username: UserName,
    pub client: Client,
}

impl Attempt {
    /// Returns the key of the account among the accounts of all sites.
    pub fn account(&self) -> String {
        format!("{} {}", self.site, self.username)
    }
}
