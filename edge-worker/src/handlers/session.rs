//! Handles login, refresh and logout. Browsers receive the tokens in cookies, and programs receive the tokens in the
//! response body.

use pinlatch_protocol::api::{
    GuestRequest, LoginRequest, REFRESH_COOKIE, Secret, SessionReply, SessionState, SessionStatus,
    TokenReply, TokenRequest,
};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{LoggedIn, Refreshed, calls};
use pinlatch_token::refresh::{self as refresh_token, RefreshClaims};
use pinlatch_token::{AccessClaims, AccessGrant, Kind, MAX_PERSON_LIFE, random_id};
use serde_json::{Map, Value};

use super::issued_tokens;
use crate::auth;
use crate::clock::now_s;
use crate::cookies;
use crate::gate;
use crate::incoming::{Incoming, malformed};
use crate::objects::{ask_own, ask_site};
use crate::respond::{self, HandlerResult, fault};

/// The access token and the refresh token of a login.
pub(super) struct Tokens {
    site: Name,
    username: UserName,
    access: Secret,
    refresh: Secret,
}

/// Handles `POST /api/v1/session`, which logs a browser in or exchanges a guest link for a cookie.
pub async fn log_in(mut incoming: Incoming) -> HandlerResult {
    incoming.require_own_origin()?;
    let body: Value = incoming.json().await?;
    if body.get("guest").is_some() {
        let GuestRequest { guest } = serde_json::from_value(body).map_err(malformed)?;
        return issued_tokens::exchange(&incoming, &guest).await;
    }
    let login: LoginRequest = serde_json::from_value(body).map_err(malformed)?;
    let tokens = password(&incoming, login).await?;
    with_cookies(&tokens)
}

/// Handles `GET /api/v1/session`, which returns the state of the browser's session. If the browser has no session, the
/// response is still a success.
pub async fn status(incoming: Incoming) -> HandlerResult {
    if let Some(principal) = auth::visitor(&incoming) {
        match ask_own(&incoming.env, calls::Whoami { principal }).await {
            Ok(whoami) => {
                let (site, sub) = (Some(whoami.site), Some(whoami.sub));
                return respond::json(&SessionStatus { state: SessionState::Open, site, sub });
            }
            // The site no longer accepts the token, because the session has ended.
            Err(problem) if problem.status == Code::InvalidToken.status() => {}
            Err(problem) => return Err(problem),
        }
    }
    let header = incoming.header("Cookie").unwrap_or_default();
    let renewable = !auth::is_guests(&incoming) && cookies::find(&header, REFRESH_COOKIE).is_some();
    let state = if renewable { SessionState::Renewable } else { SessionState::None };
    respond::json(&SessionStatus { state, site: None, sub: None })
}

/// Handles `POST /api/v1/session/refresh`, which replaces the tokens of a browser's session.
pub async fn refresh(mut incoming: Incoming) -> HandlerResult {
    incoming.require_own_origin()?;
    let _: Map<String, Value> = incoming.json().await?;
    let header = incoming.header("Cookie").unwrap_or_default();
    let token = cookies::find(&header, REFRESH_COOKIE).ok_or(Code::InvalidGrant)?;
    let tokens = rotate(&incoming, token).await?;
    with_cookies(&tokens)
}

/// Handles `DELETE /api/v1/session`, which logs a browser out. If the request has a valid token, the session ends. The
/// response deletes the browser's cookies even if the token is invalid.
pub async fn log_out(incoming: Incoming) -> HandlerResult {
    // Only a program that knows the token can send an `Authorization` header, so the origin matters only for cookies.
    if auth::bearer(&incoming)?.is_none() {
        incoming.require_own_origin()?;
    }
    if auth::is_guests(&incoming) {
        // The response deletes only the guest cookie of this browser. The guest link stays valid, because other people
        // may be using the guest link.
        return respond::with_cookies(respond::nothing()?, [cookies::guest_cleared()]);
    }
    let header = incoming.header("Cookie").unwrap_or_default();
    let family = cookies::find(&header, REFRESH_COOKIE)
        .and_then(|token| RefreshClaims::open(token, &incoming.deployment.keys, now_s()).ok());
    if let Ok((principal, _)) = auth::principal(&incoming).await {
        ask_own(&incoming.env, calls::Logout { principal }).await?;
    } else if let Some(claims) = family {
        let site = incoming.deployment.site(Some(&claims.site))?;
        ask_site(&incoming.env, site, calls::LogoutFamily { family: claims.family }).await?;
    }
    respond::with_cookies(respond::nothing()?, cookies::cleared())
}

/// Handles `POST /api/v1/token`, with which programs log in and refresh their tokens (RFC 6749 §4.3, §6).
pub async fn token(mut incoming: Incoming) -> HandlerResult {
    let request: TokenRequest = incoming.json_or_form().await?;
    let missing = |name| Problem::new(Code::InvalidRequest).detail(format!("`{name}` is missing"));
    let tokens = match request.grant_type.as_str() {
        "password" => {
            let username = request.username.ok_or_else(|| missing("username"))?;
            let login = LoginRequest {
                site: request.site,
                // For an invalid user name, the error is the same as for an unknown user name.
                username: UserName::new(username).map_err(|_| Problem::new(Code::LoginFailed))?,
                password: request.password.ok_or_else(|| missing("password"))?,
            };
            password(&incoming, login).await?
        }
        "refresh_token" => {
            let token = request.refresh_token.ok_or_else(|| missing("refresh_token"))?;
            rotate(&incoming, token.expose()).await?
        }
        _ => return Err(Code::UnsupportedGrant.into()),
    };
    respond::json(&TokenReply {
        access_token: tokens.access,
        token_type: "Bearer".into(),
        expires_in: MAX_PERSON_LIFE,
        refresh_token: tokens.refresh,
    })
}

async fn password(incoming: &Incoming, login: LoginRequest) -> Result<Tokens, Problem> {
    let site = incoming.deployment.site(login.site.as_ref())?.clone();
    let password_ids = gate::verify(incoming, &site, &login.username, login.password).await?;
    let (family, refresh_jti) = (random_id(), random_id());
    let call = calls::Login {
        username: login.username,
        password_ids,
        family: family.clone(),
        refresh_jti: refresh_jti.clone(),
        expires_at: now_s() + refresh_token::LIFE,
    };
    let person = ask_site(&incoming.env, &site, call).await?;
    begun(incoming, &site, person, family, refresh_jti)
}

/// Creates the tokens of a login that the site has accepted.
pub(super) fn begun(
    incoming: &Incoming,
    site: &Name,
    login: LoggedIn,
    family: String,
    refresh_jti: String,
) -> Result<Tokens, Problem> {
    let refresh = RefreshClaims {
        site: site.clone(),
        sub: login.username.to_string(),
        family,
        jti: refresh_jti,
        exp: now_s() + refresh_token::LIFE,
    };
    issue(incoming, login, &refresh)
}

async fn rotate(incoming: &Incoming, token: &str) -> Result<Tokens, Problem> {
    let now = now_s();
    let old = RefreshClaims::open(token, &incoming.deployment.keys, now).map_err(|refusal| {
        worker::console_log!("refresh token refused: {}", refusal.code());
        Problem::new(Code::InvalidGrant)
    })?;
    let site = incoming.deployment.site(Some(&old.site))?.clone();
    let call = calls::Refresh {
        family: old.family.clone(),
        jti: old.jti,
        next_jti: random_id(),
        expires_at: now + refresh_token::LIFE,
    };
    let Refreshed { login, jti, expires_at } = ask_site(&incoming.env, &site, call).await?;
    let next = RefreshClaims { site, sub: old.sub, family: old.family, jti, exp: expires_at };
    issue(incoming, login, &next)
}

fn issue(incoming: &Incoming, login: LoggedIn, refresh: &RefreshClaims) -> Result<Tokens, Problem> {
    let LoggedIn { username, scope, generation } = login;
    let now = now_s();
    let keys = &incoming.deployment.keys;
    let claims = AccessClaims { scope, generation, family: Some(refresh.family.clone()), not_before: None };
    let grant = AccessGrant {
        kind: Kind::Access,
        site: &refresh.site,
        sub: username.as_str(),
        jti: random_id(),
        now,
        life: MAX_PERSON_LIFE,
        claims,
    };
    let signed = |refusal| fault("issuing a token", refusal);
    Ok(Tokens {
        access: Secret::new(grant.sign(keys).map_err(signed)?),
        refresh: Secret::new(refresh.seal(keys, now).map_err(signed)?),
        site: refresh.site.clone(),
        username,
    })
}

fn with_cookies(tokens: &Tokens) -> HandlerResult {
    let body = SessionReply {
        site: tokens.site.clone(),
        username: tokens.username.clone(),
        expires_in: MAX_PERSON_LIFE,
    };
    respond::with_cookies(respond::json(&body)?, session_cookies(tokens))
}

/// Returns the `Set-Cookie` values with the tokens of a login.
pub(super) fn session_cookies(tokens: &Tokens) -> Vec<String> {
    vec![
        cookies::session(&tokens.access, MAX_PERSON_LIFE),
        cookies::refresh(&tokens.refresh, refresh_token::LIFE),
    ]
}
