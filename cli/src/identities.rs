//! The identities of devices (`device+jwt`) in the owner's own folder. The owner's root key signed each of them, so the
//! edge cannot make or replace one.
//!
//! The folder is `devices/SITE` in the configuration folder. `NAME.jwt` is the identity of the device NAME, and
//! `NAME.THUMBPRINT.jwt` is an identity that was replaced. Old statements need the replaced identities.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_token::{PublicKey, SigningKey, Terms, Typ, explain};
use serde_json::{Map, Value};

use crate::commands::token::input::read_file;
use crate::edge::api::Api;
use crate::edge::session;
use crate::explained::refused;
use crate::files::config_dir;

/// The end of the name of a file with an identity.
pub const EXTENSION: &str = "jwt";

/// Returns the folder with the identities of all sites.
pub fn all_sites() -> Result<PathBuf> {
    Ok(config_dir()?.join("devices"))
}

pub fn folder(site: &Name) -> Result<PathBuf> {
    Ok(all_sites()?.join(site.as_str()))
}

/// Returns the file with the identity of a device. The names contain no character that has a meaning in a path.
pub fn file(site: &Name, device: &Name) -> Result<PathBuf> {
    Ok(folder(site)?.join(format!("{device}.{EXTENSION}")))
}

pub fn read(file: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_file(file)?).trim().to_owned())
}

/// Returns the site that the user is logged in to. If the user chose the site at the login, the edge must name the same
/// site.
pub fn site(api: &Api) -> Result<Name> {
    let Whoami { site, .. } = api.call(&Endpoint::Whoami)?;
    match session::chosen_site()? {
        Some(chosen) if chosen != site => Err(refused(
            "other_site",
            format!(
                "you logged in to the site {chosen}, but the edge names the site {site}; run `pinlatch login`"
            ),
        )),
        _ => Ok(site),
    }
}

/// Reads the owner's root key from a public or private JWK.
pub fn root_key(file: &Path) -> Result<PublicKey> {
    public_key(&read_file(file)?).with_context(|| file.display().to_string())
}

fn public_key(bytes: &[u8]) -> Result<PublicKey> {
    let text = String::from_utf8_lossy(bytes);
    let jwk: Value = serde_json::from_str(&text).ok().context("the file is not a JWK")?;
    if jwk.get("d").is_some() {
        return Ok(SigningKey::from_jwk(&text)?.public());
    }
    Ok(PublicKey::from_jwk(&jwk)?)
}

/// Returns the thumbprints of the keys that the owner confirmed, by device. The signatures are not verified, because
/// only the owner can write to the folder, and the root key may be on another machine.
pub fn confirmed_keys(site: &Name, devices: &[&Name]) -> BTreeMap<Name, String> {
    let key = |device: &Name| thumbprint(&read(&file(site, device).ok()?).ok()?);
    devices.iter().filter_map(|device| Some(((*device).clone(), key(device)?))).collect()
}

/// Returns the thumbprint of the key in an identity whose signature is not verified.
fn thumbprint(token: &str) -> Option<String> {
    let claims = unverified_claims(token);
    let key = PublicKey::from_jwk(claims.get("cnf")?.get("jwk")?).ok()?;
    Some(key.thumbprint().to_owned())
}

/// Returns the claims of a token whose signature is not verified. The result is empty if the text is not a token.
pub fn unverified_claims(token: &str) -> Map<String, Value> {
    let terms =
        Terms { typ: Typ::Usual, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
    let claims = explain(token, None, &terms).claims;
    claims.into_iter().map(|claim| (claim.name, claim.value)).collect()
}

#[cfg(test)]
mod tests {
    use pinlatch_token::identity::{self, DeviceIdentity};

    use super::*;

    #[test]
    fn an_identity_is_read_with_the_public_or_the_private_root_key() {
        let (root, key) = (SigningKey::generate(), SigningKey::generate());
        let (site, device): (Name, Name) = ("home".parse().unwrap(), "porch".parse().unwrap());
        let token = identity::sign(&root, &site, &device, &key.public(), 1_000).unwrap();
        for jwk in [root.to_private_jwk().expose().to_owned(), root.public_jwk().to_string()] {
            let root = public_key(jwk.as_bytes()).unwrap();
            let found = DeviceIdentity::verify_any_site(&token, &root, None).unwrap();
            assert_eq!((&found.site, &found.device, found.key.thumbprint()), (&site, &device, key.kid()));
        }
        assert!(DeviceIdentity::verify_any_site(&token, &key.public(), None).is_err());
        assert!(public_key(b"no key").is_err());
        assert_eq!(thumbprint(&token).as_deref(), Some(key.kid()));
        for wrong in ["", "a.b.c", &token[..token.len() / 2]] {
            assert_eq!(thumbprint(wrong), None, "{wrong}");
        }
    }
}
