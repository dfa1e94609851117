//! Stores the client tokens of earlier logins. A client token gives no access. With the client token, failed logins of
//! others cannot delay the next login. Client tokens are therefore stored separately from the login session, and
//! `pinlatch logout` keeps them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use url::Url;

use crate::files::{config_dir, write_private};

/// Returns the client token for a site. A missing or damaged file is the same as no token, because a login without a
/// client token also succeeds.
pub fn find(url: &Url, site: Option<&Name>) -> Option<Secret> {
    read().ok()?.remove(&key(url, site))
}

/// Stores the client token for a site.
pub fn keep(url: &Url, site: Option<&Name>, token: Secret) -> Result<()> {
    let mut tokens = read().unwrap_or_default();
    tokens.insert(key(url, site), token);
    write_private(&file()?, &serde_json::to_string(&tokens)?)
}

fn read() -> Result<BTreeMap<String, Secret>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(file()?)?)?)
}

/// Without a site, the login is for the deployment's first site.
fn key(url: &Url, site: Option<&Name>) -> String {
    format!("{url} {}", site.map_or("", Name::as_str))
}

fn file() -> Result<PathBuf> {
    Ok(config_dir()?.join("client-tokens.json"))
}
