//! Sends the requests of `pinlatch keys` to the deployment. The owner must be logged in to the deployment.

use std::path::Path;

use anyhow::{Context, Result, bail};
use pinlatch_protocol::admin::Generation;
use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_token::{EdgeKeys, Step};
use serde_json::{Value, json};

use super::dependents::{Dependents, Listed, others, site_names};
use super::wait::SPREAD;
use crate::deploy::vars::Vars;
use crate::deploy::wrangler::Config;
use crate::edge::api::Api;
use crate::edge::session;
use crate::jwks::kids;

/// Returns the living tokens and codes that the old keys signed or encrypted. Before the switch, the current keys count
/// as the old keys.
pub fn dependents(edge: &EdgeKeys, vars: &Vars, now: u64) -> Result<Dependents> {
    let api = own_deployment(edge)?;
    let whoami: Whoami = api.call(&Endpoint::Whoami)?;
    let listed = Listed {
        tokens: api.call(&Endpoint::ListTokens)?,
        invitations: api.call(&Endpoint::ListInvitations)?,
        enrolments: api.call(&Endpoint::ListEnrolments)?,
    };
    // After the switch, an instance of the Worker can have the old secrets, and sign with the old key, for up to
    // `SPREAD` seconds.
    let by_old_until = match edge.next_step() {
        Step::Retire => edge.last_step_at().map_or(now, |switched| switched.saturating_add(SPREAD)),
        Step::Publish | Step::Switch => now,
    };
    let others = others(&configured_sites(vars)?, &whoami.site);
    Ok(Dependents::count(whoami.site, &listed, by_old_until, now, others))
}

/// Returns the sites in the secrets file or in `wrangler.toml` next to it. The list is empty if neither file has them.
fn configured_sites(vars: &Vars) -> Result<Vec<Name>> {
    if let Some(sites) = vars.find("SITES") {
        return site_names(sites);
    }
    let config: &Path = &vars.path().with_file_name("wrangler.toml");
    if !config.exists() {
        return Ok(Vec::new());
    }
    Ok(Config::read(config)?.reading(None)?.sites)
}

/// Ends all logins, tokens and codes of the site, also the login of the caller. Only an owner can do this. Returns the
/// new generation.
pub fn raise_generation(edge: &EdgeKeys) -> Result<u64> {
    let raised: Generation = own_deployment(edge)?.send(&Endpoint::RaiseGeneration, &json!({}))?;
    Ok(raised.generation)
}

/// Returns an HTTP client for the deployment that the owner is logged in to. Returns an error if this deployment has
/// other keys than `edge`, because the caller needs the tokens of the keys in `edge`.
fn own_deployment(edge: &EdgeKeys) -> Result<Api> {
    let url = session::logged_in_at()?.context("you are not logged in; run `pinlatch login`")?;
    let served: Value = Api::new(&url)?.call(&Endpoint::Jwks)?;
    let own = edge.public().to_jwks();
    if !kids(&served).iter().any(|kid| kids(&own).contains(kid)) {
        bail!(
            "you are logged in to {url}, but this deployment does not use the keys in the secrets file; log in to the deployment that uses these keys"
        );
    }
    session::api()
}
