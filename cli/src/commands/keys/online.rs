//! Sends the requests of `pinlatch keys` to the deployment. The owner must be logged in to the deployment.

use anyhow::{Context, Result, bail};
use pinlatch_protocol::admin::{Generation, TokenView};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_token::{EdgeKeys, Step};
use serde_json::{Value, json};

use super::wait::SPREAD;
use crate::edge::api::Api;
use crate::edge::session;
use crate::jwks::kids;

/// The API tokens and guest links that the old key signed and that are still valid.
#[derive(Debug, PartialEq, Eq)]
pub struct OldTokens {
    /// The time at which the last of the valid tokens and links expires, in Unix seconds. `None` means that no token or
    /// link is valid.
    pub last_expiry: Option<u64>,
    pub count: usize,
}

/// Returns the API tokens and guest links that the old key signed and that are still valid. Before the switch, the
/// current key counts as the old key.
pub fn old_tokens(edge: &EdgeKeys, now: u64) -> Result<OldTokens> {
    let tokens: Vec<TokenView> = own_deployment(edge)?.call(&Endpoint::ListTokens)?;
    // After the switch, an instance of the Worker can have the old secrets, and sign with the old key, for up to
    // `SPREAD` seconds.
    let by_old_until = match edge.next_step() {
        Step::Retire => edge.last_step_at().map_or(now, |switched| switched.saturating_add(SPREAD)),
        Step::Publish | Step::Switch => now,
    };
    Ok(valid_tokens(&tokens, by_old_until, now))
}

/// Returns the tokens that were created at or before `before`, and that are still valid at the time `now`.
fn valid_tokens(tokens: &[TokenView], before: u64, now: u64) -> OldTokens {
    let good = |token: &&TokenView| {
        token.created_ms / 1000 <= before && token.expires_at > now && token.revoked_ms.is_none()
    };
    let good: Vec<u64> = tokens.iter().filter(good).map(|token| token.expires_at).collect();
    OldTokens { last_expiry: good.iter().max().copied(), count: good.len() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use pinlatch_protocol::admin::TokenKind;

    fn token(created: u64, expires_at: u64, revoked_ms: Option<u64>) -> TokenView {
        TokenView {
            jti: "j".into(),
            kind: TokenKind::Api,
            name: "n".into(),
            creator: "ann".into(),
            scope: "line:a/b:set".parse().unwrap(),
            not_before: created,
            expires_at,
            max_uses: None,
            max_in_flight: None,
            max_per_minute: None,
            max_sockets: None,
            uses: 0,
            created_ms: created * 1000,
            last_used_ms: None,
            revoked_ms,
        }
    }

    #[test]
    fn only_what_the_old_key_signed_and_still_is_good_counts() {
        let tokens = [
            token(10, 500, None),
            token(20, 900, None),
            token(10, 999, Some(1)),
            token(10, 100, None),
            token(60, 2_000, None),
        ];
        assert_eq!(valid_tokens(&tokens, 50, 100), OldTokens { last_expiry: Some(900), count: 2 });
        assert_eq!(valid_tokens(&tokens, 5, 100), OldTokens { last_expiry: None, count: 0 });
    }
}
