//! Reads and writes the files of a holder in the configuration folder: the private key `holder.jwk`, and the grants in
//! the folder `grants`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::ScopeSet;
use pinlatch_protocol::text::is_base64url;
use pinlatch_token::grant::MAX_GRANT;
use pinlatch_token::{HolderKey, HolderPublicKey, Kind, unverified_kind, unverified_site};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::explained::refused;
use crate::files::{config_dir, read_text};
use crate::identities::{self, unverified_claims};

/// The end of the name of a file with a grant.
const EXTENSION: &str = "jwt";

/// The maximum length of the id of a grant that is stored.
const MAX_ID: usize = 64;

pub fn key_file() -> Result<PathBuf> {
    Ok(config_dir()?.join("holder.jwk"))
}

pub fn read_key(file: &Path) -> Result<HolderKey> {
    if !file.exists() {
        return Err(refused(
            "no_holder_key",
            format!(
                "there is no holder's key at {}; to make one, run `pinlatch holder init`",
                file.display()
            ),
        ));
    }
    HolderKey::from_jwk(read_text(file)?.trim()).with_context(|| file.display().to_string())
}

/// The contents of a grant whose signature is not verified.
#[derive(Debug, Serialize)]
pub struct StoredGrant {
    pub id: String,
    pub site: Name,
    pub name: String,
    pub thumbprint: String,
    pub scope: ScopeSet,
    pub not_before: u64,
    pub expires: u64,
    pub offline: bool,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    name: String,
    scope: ScopeSet,
    cnf: Confirmation,
    nbf: u64,
    exp: u64,
    #[serde(default)]
    offline: bool,
}

#[derive(Deserialize)]
struct Confirmation {
    jwk: Value,
}

impl StoredGrant {
    /// Parses a grant without a verification of its signature. No error contains a part of the token.
    pub fn parse(token: &str) -> Result<Self> {
        if unverified_kind(token) != Some(Kind::Grant) || token.len() > MAX_GRANT {
            return Err(refused(
                "not_a_grant",
                "the text is not a grant (`grant+jwt`); give the whole text that `pinlatch grant create` printed",
            ));
        }
        let damaged = || {
            refused("bad_claim", "a claim of the grant is missing or invalid; ask the owner for a new grant")
        };
        let site = unverified_site(token).ok_or_else(damaged)?;
        let claims = Value::Object(unverified_claims(token));
        let claims: Claims = serde_json::from_value(claims).map_err(|_| damaged())?;
        let holder = HolderPublicKey::from_jwk(&claims.cnf.jwk).map_err(|_| damaged())?;
        if !is_id(&claims.jti) {
            return Err(damaged());
        }
        Ok(Self {
            id: claims.jti,
            site,
            name: claims.name,
            thumbprint: holder.thumbprint().into(),
            scope: claims.scope,
            not_before: claims.nbf,
            expires: claims.exp,
            offline: claims.offline,
        })
    }
}

/// Returns the file for a grant. The id of the grant contains no character that has a meaning in a path.
pub fn grant_file(grant: &StoredGrant) -> Result<PathBuf> {
    Ok(folder()?.join(format!("{}.{EXTENSION}", grant.id)))
}

/// Returns the stored grants, and the files that contain no grant. The grant that expires first is the first.
pub fn stored_grants() -> Result<(Vec<StoredGrant>, Vec<PathBuf>)> {
    let folder = folder()?;
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        other => other.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let (mut grants, mut damaged) = (Vec::new(), Vec::new());
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        match identities::read(&path).and_then(|token| StoredGrant::parse(&token)) {
            Ok(grant) => grants.push(grant),
            Err(_) => damaged.push(path),
        }
    }
    grants.sort_by(|one, other| (one.expires, &one.id).cmp(&(other.expires, &other.id)));
    Ok((grants, damaged))
}

fn folder() -> Result<PathBuf> {
    Ok(config_dir()?.join("grants"))
}

/// Returns whether a text can be the id of a grant: base64url characters only.
fn is_id(text: &str) -> bool {
    is_base64url(text, 1..=MAX_ID)
}

#[cfg(test)]
mod tests {
    use pinlatch_token::SigningKey;
    use pinlatch_token::grant::Grant;

    use super::*;

    #[test]
    fn a_grant_is_read_without_the_root_key() {
        let (root, key) = (SigningKey::generate(), HolderKey::generate_p256().unwrap());
        let scope = || "line:porch/door:pulse".parse().unwrap();
        let site: Name = "home".parse().unwrap();
        let mut grant = Grant::new(&site, "Ann's phone", key.public().clone(), scope(), 1_000);
        let token = grant.sign(&root).unwrap();
        let read = StoredGrant::parse(&token).unwrap();
        assert_eq!((&read.id, read.thumbprint.as_str()), (&grant.id, key.public().thumbprint()));
        assert_eq!((read.not_before, read.expires, read.scope), (1_000, grant.expires, scope()));

        for id in ["../../holder", "a/b", "", &"x".repeat(65)] {
            grant.id = id.into();
            // The token crate signs no grant without an id.
            if let Ok(token) = grant.sign(&root) {
                assert!(StoredGrant::parse(&token).is_err(), "{id}");
            }
        }
        for wrong in ["", "a.b.c", key.to_private_jwk().expose(), &token[..token.len() / 2]] {
            let error = StoredGrant::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("not_a_grant"), "{error}");
            assert!(wrong.len() < 10 || !error.contains(wrong), "the text is repeated");
        }
    }
}
