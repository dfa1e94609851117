//! Requests of `pinlatch keys` to the deployment, if the owner is logged in.

use anyhow::{Context, Result, bail};
use pinlatch_protocol::admin::TokenView;
use pinlatch_token::{EdgeKeys, Step};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SPREAD;
use super::vars::kids;
use crate::api::Api;
use crate::session;

/// The old key's API tokens and guest links that are still valid.
#[derive(Debug, PartialEq, Eq)]
pub struct OldTokens {
    /// When the last of these tokens and links expires, in Unix seconds. `None` if there are no tokens and links.
    pub last_expiry: Option<u64>,
    pub count: usize,
}

#[derive(Deserialize)]
struct Raised {
    generation: u64,
}

/// The old key's API tokens and guest links that are still valid. Before the switch, the current key counts as the old
/// key.
pub fn old_tokens(edge: &EdgeKeys, now: u64) -> Result<OldTokens> {
    let tokens: Vec<TokenView> = own_deployment(edge)?.get("/api/v1/tokens")?;
    // After the switch, an isolate can still have the old secrets and sign with the old key for up to `SPREAD` seconds.
    let by_old_until = match edge.next_step() {
        Step::Retire => edge.last_step_at().map_or(now, |switched| switched.saturating_add(SPREAD)),
        Step::Publish | Step::Switch => now,
    };
    Ok(valid_tokens(&tokens, by_old_until, now))
}

/// The tokens that were created before a time and are still valid.
fn valid_tokens(tokens: &[TokenView], before: u64, now: u64) -> OldTokens {
    let good = |token: &&TokenView| {
        token.created_ms / 1000 <= before && token.expires_at > now && token.revoked_ms.is_none()
    };
    let good: Vec<u64> = tokens.iter().filter(good).map(|token| token.expires_at).collect();
    OldTokens { last_expiry: good.iter().max().copied(), count: good.len() }
}

/// Voids all tokens that the site has issued.
pub fn raise_generation(edge: &EdgeKeys) -> Result<u64> {
    let raised: Raised = own_deployment(edge)?.post("/api/v1/generation", &json!({}), &[])?;
    Ok(raised.generation)
}

/// The deployment that the owner is logged in to. Fails if it has other keys than `edge`, because the tokens of another
/// deployment do not matter here.
fn own_deployment(edge: &EdgeKeys) -> Result<Api> {
    let url = session::logged_in_at()?.context("you are not logged in; run `pinlatch login`")?;
    let served: Value = Api::new(&url)?.get("/.well-known/jwks.json")?;
    let own = edge.public().to_jwks();
    if !kids(&served).iter().any(|kid| kids(&own).contains(kid)) {
        bail!("you are logged in to {url}, which has different keys than this file");
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
