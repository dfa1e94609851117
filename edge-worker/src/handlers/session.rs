//! Handles login, refresh and logout. Browsers receive the tokens in cookies, and programs receive the tokens in the
//! response body.

use pinlatch_protocol::api::{
    CLIENT_COOKIE, GuestRequest, LoginRequest, ProofRequest, REFRESH_COOKIE, Secret, SessionReply,
    SessionState, SessionStatus, TokenReply, TokenRequest,
};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{LoggedIn, NewLogin, calls};
use pinlatch_token::client::{self as client_token, ClientClaims};
use pinlatch_token::refresh::{self as refresh_token, RefreshClaims};
use pinlatch_token::{AccessClaims, AccessGrant, Kind, MAX_PERSON_LIFE, random_id};
use serde_json::{Map, Value};

use super::issued_tokens;
use super::people::client_of;
use crate::auth;
use crate::client_name::client_name;
use crate::clock::now_s;
use crate::cookies;
use crate::gate::{self, Client};
use crate::incoming::{Incoming, malformed};
use crate::objects::{ask_own, ask_site};
use crate::respond::{self, HandlerResult, fault};

/// The access token and the refresh token of a login.
pub(super) struct Tokens {
    site: Name,
    username: UserName,
    access: Secret,
    refresh: Secret,
    /// The client token. Only a login with a password has a new client token.
    client: Option<Secret>,
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
    let site = incoming.deployment.site(login.site.as_ref())?;
    let header = incoming.header("Cookie").unwrap_or_default();
    let known = cookies::of_site(&header, CLIENT_COOKIE, site);
    let tokens = password(&incoming, login, known).await?;
    with_cookies(&tokens, login_cookies(&incoming, &tokens))
}

/// Handles `GET /api/v1/session`, which returns the state of the browser's session at a site. If the browser has no
/// session, the response is still a success.
pub async fn status(incoming: Incoming) -> HandlerResult {
    let site = incoming.cookie_site()?.clone();
    let header = incoming.header("Cookie").unwrap_or_default();
    let is_guest = auth::is_guests(&incoming);
    let is_other = |other: &Name| *other != site && incoming.deployment.site(Some(other)).is_ok();
    let other_sites =
        if is_guest { Vec::new() } else { cookies::logins(&header).into_iter().filter(is_other).collect() };
    if let Some(principal) = auth::visitor(&incoming)? {
        match ask_own(&incoming.env, calls::Whoami { principal }).await {
            Ok(whoami) => {
                let sub = Some(whoami.sub);
                return respond::json(&SessionStatus { state: SessionState::Open, site, sub, other_sites });
            }
            // The site no longer accepts the token, because the session has ended.
            Err(problem) if problem.status == Code::InvalidToken.status() => {}
            Err(problem) => return Err(problem),
        }
    }
    let renewable = !is_guest && cookies::of_site(&header, REFRESH_COOKIE, &site).is_some();
    let state = if renewable { SessionState::Renewable } else { SessionState::None };
    respond::json(&SessionStatus { state, site, sub: None, other_sites })
}

/// Handles `POST /api/v1/session/refresh`, which replaces the tokens of a browser's session.
pub async fn refresh(mut incoming: Incoming) -> HandlerResult {
    incoming.require_own_page()?;
    let _: Map<String, Value> = incoming.json().await?;
    let old = refresh_cookie(&incoming)?.ok_or(Code::InvalidGrant)?;
    let tokens = rotate(&incoming, old).await?;
    with_cookies(&tokens, session_cookies(&tokens))
}

/// Handles `DELETE /api/v1/session`, which ends the browser's login at one site. If the request has a valid token, the
/// login ends. The response deletes the site's cookies even if the token is invalid.
pub async fn log_out(incoming: Incoming) -> HandlerResult {
    // Only a program that knows the token can send an `Authorization` header, so the page matters only for cookies.
    if auth::bearer(&incoming)?.is_none() {
        incoming.require_own_page()?;
    }
    let mut site = incoming.cookie_site()?.clone();
    if auth::is_guests(&incoming) {
        // The response deletes only the guest cookie of this browser. The guest link stays valid, because other people
        // may be using the guest link.
        return respond::with_cookies(respond::nothing()?, [cookies::guest_cleared(&site)]);
    }
    match auth::principal(&incoming).await {
        Ok((principal, _)) => {
            site = principal.site.clone();
            ask_own(&incoming.env, calls::Logout { principal }).await?;
        }
        Err(problem) if problem.is(Code::OtherLogin) || problem.is(Code::Throttled) => return Err(problem),
        Err(_) => {
            if let Some(claims) = refresh_cookie(&incoming)? {
                ask_site(&incoming.env, &site, calls::LogoutFamily { family: claims.family }).await?;
            }
        }
    }
    respond::with_cookies(respond::nothing()?, cookies::cleared(&site))
}

/// Returns the refresh token in the cookie of the site that the request names, if the cookie contains a valid refresh
/// token of this site. The refresh token must belong to the person for whom the page was drawn.
fn refresh_cookie(incoming: &Incoming) -> Result<Option<RefreshClaims>, Problem> {
    let header = incoming.header("Cookie").unwrap_or_default();
    let site = incoming.cookie_site()?;
    let token = cookies::of_site(&header, REFRESH_COOKIE, site);
    let claims = token.and_then(|token| open_refresh(incoming, token)).filter(|claims| claims.site == *site);
    if let Some(claims) = &claims {
        incoming.require_login_of_page(&claims.site, &claims.sub)?;
    }
    Ok(claims)
}

/// Decrypts a refresh token. If the token is invalid, the reason is logged.
fn open_refresh(incoming: &Incoming, token: &str) -> Option<RefreshClaims> {
    let opened = RefreshClaims::open(token, &incoming.deployment.keys, now_s());
    opened.map_err(|refusal| worker::console_log!("refresh token refused: {}", refusal.code())).ok()
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
            let known = request.client_token.as_ref().map(Secret::expose);
            password(&incoming, login, known).await?
        }
        "refresh_token" => {
            let token = request.refresh_token.ok_or_else(|| missing("refresh_token"))?;
            rotate(&incoming, open_refresh(&incoming, token.expose()).ok_or(Code::InvalidGrant)?).await?
        }
        _ => return Err(Code::UnsupportedGrant.into()),
    };
    reply(tokens)
}

/// Returns the tokens to a program.
fn reply(tokens: Tokens) -> HandlerResult {
    respond::json(&TokenReply {
        access_token: tokens.access,
        token_type: "Bearer".into(),
        expires_in: MAX_PERSON_LIFE,
        refresh_token: tokens.refresh,
        client_token: tokens.client,
    })
}

/// Logs in with a password. `client_token` is the client token of an earlier login, if the client has one.
async fn password(
    incoming: &Incoming,
    login: LoginRequest,
    client_token: Option<&str>,
) -> Result<Tokens, Problem> {
    let site = incoming.deployment.site(login.site.as_ref())?.clone();
    let keys = &incoming.deployment.keys;
    let known = client_token
        .and_then(|token| ClientClaims::open(token, keys, now_s()).ok())
        .filter(|known| known.site == site);
    let client = match &known {
        Some(known) if known.knows(&site, &login.username) => Client::Known(known.id.clone()),
        _ => Client::Address(incoming.client_address()),
    };
    let password_ids = gate::verify(incoming, &site, &login.username, login.password, client).await?;
    let empty = || ClientClaims { site: site.clone(), people: Vec::new(), id: random_id() };
    let mut claims = known.unwrap_or_else(empty);
    claims.add(login.username.clone());
    let client = claims.seal(keys, now_s()).map_err(|refusal| fault("client token", refusal))?;
    let call = calls::Login { username: login.username, password_ids, new: new_login(incoming, None) };
    let person = ask_site(&incoming.env, &site, call).await?;
    let tokens = issue(incoming, site, person)?;
    Ok(Tokens { client: Some(Secret::new(client)), ..tokens })
}

/// Handles `POST /api/v1/session/proof`, with which a logged-in person proves their identity again.
pub async fn prove(mut incoming: Incoming) -> HandlerResult {
    let (principal, carrier) = auth::writer(&incoming).await?;
    let ProofRequest { password } = incoming.json().await?;
    let site = principal.site.clone();
    // The site checks the token before the gate checks the password. A caller with a revoked token can therefore not
    // guess passwords.
    ask_own(&incoming.env, calls::CurrentPassword { principal: principal.clone() }).await?;
    let username = principal.person.clone().filter(|_| principal.family.is_some());
    let username = username.ok_or(Code::PersonRequired)?;
    let client = client_of(&incoming, &principal);
    let password_ids = gate::verify(&incoming, &site, &username, password, client).await?;
    let call = calls::Prove { principal, password_ids, new: new_login(&incoming, None) };
    let tokens = issue(&incoming, site, ask_own(&incoming.env, call).await?)?;
    if carrier.is_ambient() {
        return with_cookies(&tokens, session_cookies(&tokens));
    }
    reply(tokens)
}

/// Returns the data of a login that starts now. `renews` is the id of the login that the browser already has.
pub(super) fn new_login(incoming: &Incoming, renews: Option<String>) -> NewLogin {
    NewLogin {
        family: random_id(),
        refresh_jti: random_id(),
        expires_at: now_s() + refresh_token::LIFE,
        auth_time: now_s(),
        client: incoming.header("User-Agent").map(|agent| client_name(&agent)),
        renews,
    }
}

/// Returns the id of the login in the browser's refresh cookie of a site, if the cookie is valid.
pub(super) fn login_of_browser(incoming: &Incoming, site: &Name) -> Option<String> {
    let header = incoming.header("Cookie").unwrap_or_default();
    let claims = open_refresh(incoming, cookies::of_site(&header, REFRESH_COOKIE, site)?)?;
    (claims.site == *site).then_some(claims.family)
}

async fn rotate(incoming: &Incoming, old: RefreshClaims) -> Result<Tokens, Problem> {
    let site = incoming.deployment.site(Some(&old.site))?.clone();
    let call = calls::Refresh {
        family: old.family,
        jti: old.jti,
        next_jti: random_id(),
        expires_at: now_s() + refresh_token::LIFE,
    };
    let login = ask_site(&incoming.env, &site, call).await?;
    issue(incoming, site, login)
}

/// Creates the tokens of a login that the site has accepted.
pub(super) fn issue(incoming: &Incoming, site: Name, login: LoggedIn) -> Result<Tokens, Problem> {
    let LoggedIn { username, generation, family, refresh_jti, expires_at, auth_time } = login;
    let now = now_s();
    let keys = &incoming.deployment.keys;
    let refresh = RefreshClaims {
        site: site.clone(),
        sub: username.to_string(),
        family: family.clone(),
        jti: refresh_jti,
        exp: expires_at,
    };
    let claims = AccessClaims { scope: None, generation, family: Some(family), auth_time, not_before: None };
    let grant = AccessGrant {
        kind: Kind::Access,
        site: &site,
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
        site,
        username,
        client: None,
    })
}

fn with_cookies(tokens: &Tokens, cookies: Vec<String>) -> HandlerResult {
    let body = SessionReply {
        site: tokens.site.clone(),
        username: tokens.username.clone(),
        expires_in: MAX_PERSON_LIFE,
    };
    respond::with_cookies(respond::json(&body)?, cookies)
}

/// Returns the `Set-Cookie` values with the tokens of a login.
fn session_cookies(tokens: &Tokens) -> Vec<String> {
    vec![
        cookies::session(&tokens.site, &tokens.access, MAX_PERSON_LIFE),
        cookies::refresh(&tokens.site, &tokens.refresh, refresh_token::LIFE),
    ]
}

/// Returns the `Set-Cookie` values of a new login.
pub(super) fn login_cookies(incoming: &Incoming, tokens: &Tokens) -> Vec<String> {
    let mut set = session_cookies(tokens);
    set.extend(tokens.client.as_ref().map(|token| cookies::client(&tokens.site, token, client_token::LIFE)));
    cookies::with_room(incoming, &tokens.site, set)
}
