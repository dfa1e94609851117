//! Signs the call of a holder for a command on a line that the edge alone cannot operate. The private key of the holder
//! and the grants of the owner are in the configuration folder.

use anyhow::Result;
use pinlatch_protocol::api::DeviceChallenge;
use pinlatch_protocol::command::SignedCall;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::line::{Action, Authority};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;
use pinlatch_token::call::{CallClaims, DEFAULT_CALL_AGE_MS};
use pinlatch_token::{HolderKey, random_id};
use serde_json::{Map, Value};

use crate::commands::holder::store::{StoredGrant, grant_file, key_file, read_key, stored_grants};
use crate::edge::api::Api;
use crate::identities;
use crate::terminal::times::now;

/// A holder's key, and the holder's grants for one action.
pub struct Caller {
    key: HolderKey,
    grants: Vec<StoredGrant>,
}

impl Caller {
    /// Returns the holder of this configuration folder, if one of its grants contains the action. Most people have no such
    /// key, so nothing is asked of the edge.
    pub fn of(device: &Name, line: &Name, action: &str) -> Result<Option<Self>> {
        let file = key_file()?;
        if !file.exists() {
            return Ok(None);
        }
        let (mut grants, _) = stored_grants()?;
        grants.retain(|grant| grant.scope.allows_line(device, line, action));
        if grants.is_empty() {
            return Ok(None);
        }
        let key = read_key(&file)?;
        grants.retain(|grant| grant.thumbprint == key.public().thumbprint());
        Ok((!grants.is_empty()).then_some(Self { key, grants }))
    }

    /// Asks the device for a challenge and signs the call, if the line needs the call of a holder.
    pub fn call(
        &self,
        api: &Api,
        (device, line): (&Name, &Name),
        action: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Option<SignedCall>> {
        let endpoint = Endpoint::ShowLine { device: device.clone(), line: line.clone() };
        let view: LineView = api.call(&endpoint)?;
        if view.authority != Authority::Holder {
            return Ok(None);
        }
        // The edge refuses such a command with an explanation.
        let Ok(parsed) = Action::parse(view.kind, action, arguments) else { return Ok(None) };
        let (site, now) = (identities::site(api)?, now()?);
        let of_site = self.grants.iter().filter(|grant| grant.site == site);
        // Without a valid grant, the device states the reason.
        let is_valid = |grant: &&StoredGrant| grant.not_before <= now && now < grant.expires;
        let Some(grant) = of_site.clone().find(is_valid).or(of_site.clone().next()) else { return Ok(None) };
        let grant = identities::read(&grant_file(grant)?)?;
        let DeviceChallenge { challenge, boot } =
            api.call(&Endpoint::AskChallenge { device: device.clone() })?;
        let claims = CallClaims {
            jti: random_id(),
            line: line.clone(),
            action: action.into(),
            args: parsed.args(),
            challenge,
            boot,
            max_age_ms: DEFAULT_CALL_AGE_MS,
        };
        let call = claims.sign(&self.key, &site, device, now)?;
        Ok(Some(SignedCall { call, grant }))
    }
}
