//! This module signs and verifies grants (`grant+jwt`). With a grant, the owner's root key allows the holder of a key to
//! operate lines. The edge passes a grant on, but cannot make one.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{Pattern, Scope, ScopeSet};
use pinlatch_protocol::text::is_unseen;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwt::b64;
use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::KeySet;
use crate::keys::holder::HolderPublicKey;
use crate::keys::key::SigningKey;
use crate::kinds::access::object;
use crate::names::{ROOT, site_audience};
use crate::policy::cache::SignatureCache;
use crate::policy::{self, Expect, Verified};

/// The longest validity of a grant, in seconds: a leap year.
pub const MAX_GRANT_LIFE: u64 = 366 * 86_400;

/// The validity of a grant if the owner chooses no other, in seconds: 90 days.
pub const DEFAULT_GRANT_LIFE: u64 = 90 * 86_400;

/// The maximum number of scopes of a grant.
pub const MAX_GRANT_SCOPES: usize = 16;

/// The maximum length of a grant, in bytes.
pub const MAX_GRANT: usize = 2_048;

/// The maximum length of the name of a grant, in characters.
pub const MAX_GRANT_NAME: usize = 64;

/// The contents of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The id of the grant, with which the owner can revoke it.
    pub id: String,
    /// The site of the devices.
    pub site: Name,
    /// The name that the owner chose for the holder, for example `Ann's phone`.
    pub name: String,
    /// The key of the holder.
    pub holder: HolderPublicKey,
    /// The actions that the holder can do. The set contains only scopes of lines.
    pub scope: ScopeSet,
    /// When the owner signed the grant, in seconds of Unix time.
    pub issued: u64,
    /// When the grant becomes valid, in seconds of Unix time.
    pub not_before: u64,
    /// When the grant expires, in seconds of Unix time.
    pub expires: u64,
    /// Whether the grant also counts on a device that does not know the time.
    pub offline: bool,
}

/// The claims that a grant contains in addition to the registered claims.
#[derive(Serialize, Deserialize)]
struct Claims {
    name: String,
    cnf: Confirmation,
    scope: ScopeSet,
    nbf: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    offline: bool,
}

/// The contents of the `cnf` claim (RFC 7800 §3.2): the public key of the holder.
#[derive(Serialize, Deserialize)]
struct Confirmation {
    jwk: Value,
}

impl Grant {
    /// Returns a grant with a new id, which is not signed yet.
    pub fn new(site: &Name, name: &str, holder: HolderPublicKey, scope: ScopeSet, issued: u64) -> Self {
        Self {
            id: new_id(),
            site: site.clone(),
            name: name.into(),
            holder,
            scope,
            issued,
            not_before: issued,
            expires: issued.saturating_add(DEFAULT_GRANT_LIFE),
            offline: false,
        }
    }

    /// Signs the grant with the owner's root key. The result is an error if no device would accept the grant.
    pub fn sign(&self, root: &SigningKey) -> Result<String, Refusal> {
        self.check()?;
        let life = self.expires.saturating_sub(self.issued);
        if life > MAX_GRANT_LIFE {
            return Err(Refusal::TooLongLived { found: life, most: MAX_GRANT_LIFE });
        }
        let registered = Registered {
            iss: ROOT.into(),
            sub: self.holder.thumbprint().into(),
            aud: site_audience(&self.site),
            jti: self.id.clone(),
            iat: self.issued,
            exp: self.expires,
        };
        let claims = Claims {
            name: self.name.clone(),
            cnf: Confirmation { jwk: self.holder.to_jwk().clone() },
            scope: self.scope.clone(),
            nbf: self.not_before,
            offline: self.offline,
        };
        let token = root.sign(Kind::Grant, &registered, object(&claims))?;
        if token.len() > MAX_GRANT { Err(too_long()) } else { Ok(token) }
    }

    /// Verifies a grant with the owner's root key. The dates of the grant are not compared with a clock: a device does
    /// this with [`Grant::check_dates`], by its own rules. `root` contains only the owner's root key.
    pub fn verify(
        token: &str,
        root: &KeySet,
        site: &Name,
        cache: Option<&mut SignatureCache>,
    ) -> Result<Self, Refusal> {
        if token.len() > MAX_GRANT {
            return Err(too_long());
        }
        let expect = Expect {
            kind: Kind::Grant,
            issuer: ROOT,
            audiences: &[site_audience(site)],
            now: None,
            leeway: 0,
            max_life: Some(MAX_GRANT_LIFE),
        };
        let Verified { registered, custom } = policy::verify_own::<Claims>(token, root, &expect, cache)?;
        let holder = HolderPublicKey::from_jwk(&custom.cnf.jwk)
            .map_err(|error| Refusal::BadClaim("cnf", error.to_string()))?;
        if registered.sub != holder.thumbprint() {
            let text = "the value must be the thumbprint of the key in `cnf`";
            return Err(Refusal::BadClaim("sub", text.into()));
        }
        let grant = Self {
            id: registered.jti,
            site: site.clone(),
            name: custom.name,
            holder,
            scope: custom.scope,
            issued: registered.iat,
            not_before: custom.nbf,
            expires: registered.exp,
            offline: custom.offline,
        };
        grant.check()?;
        Ok(grant)
    }

    fn check(&self) -> Result<(), Refusal> {
        let wrong = |claim, text: &str| Err(Refusal::BadClaim(claim, text.into()));
        let length = self.name.chars().count();
        if !(1..=MAX_GRANT_NAME).contains(&length) || self.name.chars().any(is_unseen) {
            return wrong("name", "the value must have 1 to 64 visible characters");
        }
        if !self.scope.iter().all(|scope| matches!(scope, Scope::Line { .. })) {
            return wrong("scope", "a grant can contain only scopes of lines");
        }
        if !(1..=MAX_GRANT_SCOPES).contains(&self.scope.iter().count()) {
            return wrong("scope", "a grant must contain 1 to 16 scopes");
        }
        if self.not_before >= self.expires {
            return wrong("nbf", "the value must be before `exp`");
        }
        Ok(())
    }

    /// Compares the dates of the grant with the time of the verifier, in seconds of Unix time. `latest` is the latest time
    /// that it can be now, and `earliest` the earliest. The grant is already invalid at `expires`.
    pub fn check_dates(&self, latest: u64, earliest: u64) -> Result<(), Refusal> {
        if let Some(late) = latest.checked_sub(self.expires) {
            return Err(Refusal::Expired(late));
        }
        match self.not_before.checked_sub(earliest) {
            Some(early) if early > 0 => Err(Refusal::NotYetValid(early)),
            _ => Ok(()),
        }
    }

    /// Returns whether the grant allows actions on devices that the owner enrols later.
    pub fn covers_every_device(&self) -> bool {
        self.scope.iter().any(|scope| matches!(scope, Scope::Line { device: Pattern::Any, .. }))
    }
}

/// Returns a new random id of 96 bits. The id is shorter than other ids, so that a list of revocations can contain many.
fn new_id() -> String {
    let mut bytes = [0; 12];
    rand::rng().fill_bytes(&mut bytes);
    b64::encode(&bytes)
}

fn too_long() -> Refusal {
    Refusal::Malformed("a grant must have at most 2,048 bytes")
}
