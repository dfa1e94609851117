//! This module signs and verifies lists of revocations (`revoked+jwt`). With such a list, the owner's root key ends grants
//! before they expire. Each list replaces the list before.

use std::collections::BTreeSet;

use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};

use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::MAX_TOKEN;
use crate::keys::KeySet;
use crate::keys::key::SigningKey;
use crate::kinds::access::object;
use crate::kinds::grant::Grant;
use crate::kinds::identity::LIFE;
use crate::names::{ROOT, random_id, site_audience};
use crate::policy::{self, Expect, Verified};

/// The maximum number of revoked grants and keys in a list. Grants that have expired need not be in the list. A list with
/// many keys reaches the maximum length of a token earlier, because a thumbprint is longer than the id of a grant.
pub const MAX_REVOKED: usize = 256;

/// The contents of a list of revocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    /// The number of the list: the time of signing, in milliseconds of Unix time. A list with a higher number replaces a
    /// list with a lower one.
    pub number: u64,
    /// The ids of revoked grants.
    pub grants: BTreeSet<String>,
    /// The thumbprints of revoked keys. All grants of such a key are revoked.
    pub keys: BTreeSet<String>,
    /// All grants that the owner signed before this time are revoked, in seconds of Unix time.
    pub void_before: u64,
}

/// The claims that a list contains in addition to the registered claims.
#[derive(Serialize, Deserialize)]
struct Claims {
    number: u64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    grants: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    keys: BTreeSet<String>,
    #[serde(default)]
    void_before: u64,
}

impl Revocations {
    /// Signs the list with the owner's root key.
    pub fn sign(&self, root: &SigningKey, site: &Name) -> Result<String, Refusal> {
        self.check()?;
        let iat = self.number / 1_000;
        let registered = Registered {
            iss: ROOT.into(),
            sub: site.to_string(),
            aud: site_audience(site),
            jti: random_id(),
            iat,
            exp: iat.saturating_add(LIFE),
        };
        let Self { number, grants, keys, void_before } = self.clone();
        let token =
            root.sign(Kind::Revoked, &registered, object(&Claims { number, grants, keys, void_before }))?;
        if token.len() > MAX_TOKEN { Err(too_long()) } else { Ok(token) }
    }

    /// Verifies a list with the owner's root key. The caller has to refuse a list that is older than a list that it has
    /// already accepted. `root` contains only the owner's root key.
    pub fn verify(token: &str, root: &KeySet, site: &Name) -> Result<Self, Refusal> {
        let expect = Expect {
            kind: Kind::Revoked,
            issuer: ROOT,
            audiences: &[site_audience(site)],
            now: None,
            leeway: 0,
            max_life: Some(LIFE),
        };
        let Verified { registered, custom } = policy::verify::<Claims>(token, root, &expect)?;
        let Claims { number, grants, keys, void_before } = custom;
        if registered.iat != number / 1_000 {
            return Err(Refusal::BadClaim("number", "the value must be the time of signing in ms".into()));
        }
        let list = Self { number, grants, keys, void_before };
        list.check()?;
        Ok(list)
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.grants.len() + self.keys.len() > MAX_REVOKED {
            return Err(Refusal::BadClaim("grants", "the list must have at most 256 grants and keys".into()));
        }
        Ok(())
    }

    /// Returns whether the list revokes a grant.
    pub fn covers(&self, grant: &Grant) -> bool {
        grant.issued < self.void_before
            || self.grants.contains(&grant.id)
            || self.keys.contains(grant.holder.thumbprint())
    }
}

fn too_long() -> Refusal {
    Refusal::Malformed("the list of revocations is too long for a token; revoke all older grants together")
}
