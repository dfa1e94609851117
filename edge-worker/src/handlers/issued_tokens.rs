//! Handles requests that issue, list or revoke API tokens and guest links. This module also exchanges guest links for
//! cookies.

use pinlatch_protocol::admin::{Generation, IssueReply, IssueRequest, TokenKind};
use pinlatch_protocol::api::{GuestReply, Secret};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::calls;
use pinlatch_token::{AccessClaims, AccessGrant, Kind, TOKEN_SUBJECT_PREFIX, random_id};

use crate::auth;
use crate::clock::now_s;
use crate::cookies;
use crate::incoming::Incoming;
use crate::objects::{ask_own, ask_site};
use crate::respond::{self, HandlerResult, fault};

/// Handles `GET /api/v1/tokens`, which lists API tokens and guest links.
pub async fn list(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let tokens = ask_own(&incoming.env, calls::Tokens { principal }).await?;
    respond::json(&tokens)
}

/// Handles `POST /api/v1/tokens`, which issues an API token or a guest link. The site stores the properties of the
/// token before the Worker signs the token. Every signed token is therefore in the site's list of tokens.
pub async fn issue(mut incoming: Incoming) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let request: IssueRequest = incoming.json().await?;
    let site = principal.site.clone();
    let jti = random_id();
    let call = calls::Issue { principal, request, jti: jti.clone() };
    let (token, generation) = ask_site(&incoming.env, &site, call).await?;
    let now = now_s();
    let claims = AccessClaims {
        scope: Some(token.scope.clone()),
        generation,
        family: None,
        auth_time: None,
        not_before: (token.not_before > now).then_some(token.not_before),
    };
    let grant = AccessGrant {
        kind: match token.kind {
            TokenKind::Api => Kind::Access,
            TokenKind::Guest => Kind::Guest,
        },
        site: &site,
        sub: &format!("{TOKEN_SUBJECT_PREFIX}{jti}"),
        jti,
        now,
        life: token.expires_at.saturating_sub(now),
        claims,
    };
    let signed =
        grant.sign(&incoming.deployment.keys).map_err(|refusal| fault("issuing a token", refusal))?;
    let (access_token, link) = match token.kind {
        TokenKind::Api => (Some(Secret::new(signed)), None),
        // The token is in the fragment of the URL, because a browser never sends the fragment to a server.
        TokenKind::Guest => {
            (None, Some(Secret::new(format!("{}/s/{site}/#guest={signed}", incoming.origin()))))
        }
    };
    respond::json(&IssueReply { token, access_token, link })
}

/// Handles `DELETE /api/v1/tokens/{jti}`, which revokes a token. For a token that this site did not issue, the caller
/// passes the expiry as `?expires_at=`.
pub async fn revoke(incoming: Incoming, jti: String) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let exp = incoming.query_number("expires_at")?;
    ask_own(&incoming.env, calls::Revoke { principal, jti, exp }).await?;
    respond::nothing()
}

/// Handles `POST /api/v1/generation`, which invalidates every token that the edge has signed for this site until now.
pub async fn void(incoming: Incoming) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let generation = ask_own(&incoming.env, calls::RaiseGeneration { principal }).await?;
    respond::json(&Generation { generation })
}

/// Handles `POST /api/v1/session` with a guest link's token. The response stores the token in the guest cookie, which
/// is independent of the login cookies.
pub async fn exchange(incoming: &Incoming, token: &Secret) -> HandlerResult {
    let deployment = &incoming.deployment;
    let verified = AccessClaims::verify_guest(
        token.expose(),
        deployment.keys.public(),
        deployment.sites(),
        // The Worker does not check the validity period of the guest link, because the site checks the validity period.
        // The error message of the site can contain the start of the validity period.
        None,
        &mut deployment.signatures(),
    );
    let (site, verified) = verified.map_err(|refusal| {
        worker::console_log!("guest link refused: {}", refusal.code());
        Problem::new(Code::LinkNotValid)
    })?;
    let site: Name = site.clone();
    let call = calls::ExchangeGuest { jti: verified.registered.jti };
    let guest = ask_site(&incoming.env, &site, call).await?;
    let seconds = verified.registered.exp.saturating_sub(now_s());
    let set = cookies::with_room(incoming, &site, vec![cookies::guest(&site, token, seconds)]);
    respond::with_cookies(respond::json(&GuestReply { site, guest })?, set)
}
