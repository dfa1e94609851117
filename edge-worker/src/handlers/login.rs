//! Handles logins with a provider (OpenID Connect). The edge stores the encrypted state of the login in a cookie and
//! redirects the browser to the provider. The provider then redirects the browser back to the edge with an
//! authorization code.

use pinlatch_protocol::api::{LoginOption, Secret};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{NewLogin, calls};
use pinlatch_token::login::{Discovery, Identity, LOGIN_LIFE, LoginState, Provider};
use serde_json::Value;
use url::Url;
use worker::{Headers, Method, RequestInit};

use super::session::{issue, login_cookies, login_of_browser, new_login};
use crate::clock::now_s;
use crate::cookies;
use crate::incoming::Incoming;
use crate::objects::ask_site;
use crate::published;
use crate::respond::{self, HandlerResult, fault};

/// Handles `GET /api/v1/logins`, which lists the login providers of a site for the login page.
pub async fn list(incoming: Incoming) -> HandlerResult {
    let named = incoming.query_site()?;
    let site = incoming.deployment.site(named.as_ref())?;
    let options = incoming.deployment.providers.of_site(site);
    let option =
        |provider: &Provider| LoginOption { name: provider.name.clone(), label: provider.label.clone() };
    respond::json(&options.map(option).collect::<Vec<_>>())
}

/// Handles `GET /api/v1/logins/{provider}`, which redirects the browser to the provider. After an error, a client that
/// accepts HTML is redirected to the panel, which shows the error. Any other client receives the error as a JSON
/// problem document.
pub async fn start(incoming: Incoming, name: Name) -> HandlerResult {
    let provider = incoming.deployment.providers.named(&name).ok_or(Code::NotFound)?;
    let is_person = incoming.header("Accept").is_some_and(|accept| accept.contains("text/html"));
    match sent(&incoming, provider).await {
        Err(problem) if is_person => back(provider, Err(problem)),
        outcome => outcome,
    }
}

async fn sent(incoming: &Incoming, provider: &Provider) -> HandlerResult {
    incoming.require_private()?;
    let deployment = &incoming.deployment;
    let discovery = discover(incoming, provider, false).await?;
    let login = LoginState::begin(&provider.name, login_of_browser(incoming, &provider.site), now_s());
    let sealed = login.seal(&deployment.keys).map_err(|refusal| fault("login", refusal))?;
    let mut address = Url::parse(&discovery.authorization_endpoint)
        .map_err(|_| unavailable(provider, "the provider's authorization_endpoint is not a URL"))?;
    address
        .query_pairs_mut()
        .extend_pairs(provider.question(&login, &redirect_uri(incoming, &provider.name)));
    let cookie = cookies::login(&Secret::new(sealed), LOGIN_LIFE);
    respond::with_cookies(respond::redirect(address.as_str())?, [cookie])
}

/// Handles `GET /api/v1/logins/{provider}/callback`, to which the provider redirects the browser. The edge then
/// redirects the browser to the panel, even after an error, because a person is waiting for a page. The panel shows the
/// error.
pub async fn finish(incoming: Incoming, name: Name) -> HandlerResult {
    let provider = incoming.deployment.providers.named(&name).ok_or(Code::NotFound)?;
    back(provider, logged_in(&incoming, provider).await)
}

/// Redirects the browser to the panel. The redirect contains the session cookies, or the error code if the login
/// failed.
fn back(provider: &Provider, outcome: Result<Vec<String>, Problem>) -> HandlerResult {
    let page = format!("/s/{}/", provider.site);
    let (address, set) = match outcome {
        Ok(set) => (page, set),
        Err(problem) => (format!("{page}?login_error={}", problem.code), Vec::new()),
    };
    respond::with_cookies(respond::redirect(&address)?, set.into_iter().chain([cookies::login_cleared()]))
}

async fn logged_in(incoming: &Incoming, provider: &Provider) -> Result<Vec<String>, Problem> {
    let deployment = &incoming.deployment;
    let refused = |why: &str| {
        worker::console_log!("login with {}: {why}", provider.name);
        Problem::new(Code::LoginRefused)
    };
    let header = incoming.header("Cookie").unwrap_or_default();
    let sealed = cookies::find(&header, cookies::LOGIN)
        .ok_or_else(|| refused("the cookie with the login state is missing"))?;
    let login = LoginState::open(sealed, &deployment.keys, now_s()).map_err(|error| refused(error.code()))?;
    let state = incoming.query("state").unwrap_or_default();
    if !login.is_answered_by(&provider.name, &state) {
        return Err(refused("the parameter `state` belongs to another login"));
    }
    let code = incoming.query("code").ok_or_else(|| refused("the provider refused the login"))?;
    let discovery = discover(incoming, provider, false).await?;
    // If the provider's response contains the parameter `iss`, its value must be the expected issuer (RFC 9207 §2.4).
    // If the provider's discovery document announces `iss`, the response must contain `iss`.
    let is_theirs = incoming.query("iss").map_or(!discovery.answers_name_it, |iss| iss == provider.issuer);
    if !is_theirs {
        return Err(refused("the response is from another issuer"));
    }
    let granted = exchange(incoming, provider, &discovery, &login, &code).await?;
    let identity = identify(incoming, provider, &discovery, &login, &granted.id_token).await?;
    let identity = with_address(provider, &discovery, &granted, identity).await;

    // A provider can confirm a person without a new question, hours after the last one.
    let auth_time = identity.auth_time.unwrap_or(u64::MAX).min(now_s());
    let call = calls::FederatedLogin {
        issuer: provider.issuer.clone(),
        subject: identity.subject,
        email: identity.email,
        new: NewLogin { auth_time, ..new_login(incoming, login.renews) },
    };
    let person = ask_site(&incoming.env, &provider.site, call).await?;
    let tokens = issue(incoming, provider.site.clone(), person)?;
    Ok(login_cookies(incoming, &tokens))
}

/// The tokens that the provider returned in exchange for an authorization code.
struct Granted {
    id_token: Secret,
    /// The access token for the provider's userinfo endpoint.
    access_token: Option<Secret>,
}

/// Exchanges an authorization code for the provider's tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
async fn exchange(
    incoming: &Incoming,
    provider: &Provider,
    discovery: &Discovery,
    login: &LoginState,
    code: &str,
) -> Result<Granted, Problem> {
    let redirect_uri = redirect_uri(incoming, &provider.name);
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri.as_str()),
        ("code_verifier", login.verifier.as_str()),
    ];
    let headers = Headers::new();
    let set = |name, value: &str| headers.set(name, value).map_err(|error| fault("login", error));
    set("Content-Type", "application/x-www-form-urlencoded")?;
    set("Accept", "application/json")?;
    let secret = provider.client_secret.as_ref().map(Secret::expose);
    match secret {
        Some(secret) if !discovery.secret_in_form => {
            set("Authorization", &format!("Basic {}", basic(&provider.client_id, secret)))?;
        }
        _ => {
            fields.push(("client_id", &provider.client_id));
            fields.extend(secret.map(|secret| ("client_secret", secret)));
        }
    }
    let body = serde_urlencoded::to_string(&fields).map_err(|error| fault("login", error))?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(body.into()));
    let (status, text) = published::send(init, &discovery.token_endpoint)
        .await
        .map_err(|reason| unavailable(provider, &reason))?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let token = |name: &str| answer.get(name).and_then(Value::as_str).map(Secret::new);
    match token("id_token") {
        Some(id_token) if status == 200 => Ok(Granted { id_token, access_token: token("access_token") }),
        _ => {
            let error = answer.get("error").and_then(Value::as_str).unwrap_or("no id_token");
            let error: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
            worker::console_log!(
                "login with {}: its token endpoint returned {status} {error}",
                provider.name
            );
            Err(Code::LoginRefused.into())
        }
    }
}

async fn identify(
    incoming: &Incoming,
    provider: &Provider,
    discovery: &Discovery,
    login: &LoginState,
    id_token: &Secret,
) -> Result<Identity, Problem> {
    let refused = |code: &str| {
        worker::console_log!("login with {}: its id_token was refused: {code}", provider.name);
        Problem::new(Code::LoginRefused)
    };
    let mut discovery = discovery.clone();
    let mut lacks = false;
    loop {
        let jwks = published::document(&incoming.env, &discovery.jwks_uri, lacks).await?;
        let read = discovery.read_keys(&jwks);
        let fault = match &read {
            Ok(keys) => match provider.verify_id_token(id_token.expose(), keys, login, now_s()) {
                Ok(identity) => return Ok(identity),
                Err(refusal) if refusal.code() != "unknown_key" || lacks => {
                    return Err(refused(refusal.code()));
                }
                Err(refusal) => refusal.code(),
            },
            Err(error) => error.code(),
        };
        if lacks {
            return Err(unavailable(provider, fault));
        }
        // The provider has changed its keys since the edge fetched them. The provider can also have changed the
        // signature algorithm and the URL of its keys.
        lacks = true;
        discovery = discover(incoming, provider, lacks).await?;
    }
}

/// Requests the email address from the userinfo endpoint (OpenID Connect Core §5.3) if the `id_token` contains no email
/// address. A person who was admitted by subject needs no email address. An error of the userinfo endpoint therefore
/// does not end the login.
async fn with_address(
    provider: &Provider,
    discovery: &Discovery,
    granted: &Granted,
    identity: Identity,
) -> Identity {
    let (Some(uri), Some(token), None) =
        (&discovery.userinfo_endpoint, &granted.access_token, &identity.email)
    else {
        return identity;
    };
    match userinfo(uri, token).await {
        Ok(userinfo) => identity.with_userinfo(&userinfo),
        Err(reason) => {
            worker::console_log!("login with {}: its userinfo endpoint: {reason}", provider.name);
            identity
        }
    }
}

async fn userinfo(uri: &str, token: &Secret) -> Result<Value, String> {
    let headers = Headers::new();
    let set = |name, value: &str| {
        let reason = || "the access token contains characters that HTTP headers do not allow".to_owned();
        headers.set(name, value).map_err(|_| reason())
    };
    set("Accept", "application/json")?;
    set("Authorization", &format!("Bearer {}", token.expose()))?;
    let mut init = RequestInit::new();
    init.with_headers(headers);
    match published::send(init, uri).await? {
        (200, text) => serde_json::from_str(&text).map_err(|_| "the response is not JSON".into()),
        (status, _) => Err(format!("the response has status {status}")),
    }
}

/// Returns the provider's discovery document. The parameter `lacks` has the same meaning as the
/// parameter `lacks` of [`published::document`].
async fn discover(incoming: &Incoming, provider: &Provider, lacks: bool) -> Result<Discovery, Problem> {
    let document = published::document(&incoming.env, &provider.discovery_uri(), lacks).await?;
    provider.read_discovery(&document).map_err(|reason| unavailable(provider, &reason))
}

fn unavailable(provider: &Provider, reason: &str) -> Problem {
    worker::console_error!("login with {}: {reason}", provider.name);
    Problem::new(Code::IssuerUnavailable).retry_after(30)
}

fn redirect_uri(incoming: &Incoming, provider: &Name) -> String {
    incoming.origin() + &Endpoint::FinishLogin { provider: provider.clone() }.path()
}

/// Returns the credentials for HTTP Basic authentication. RFC 6749 §2.3.1 requires that the client id and the client
/// secret are form-encoded before they are joined.
fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    use base64ct::{Base64, Encoding};
    Base64::encode_string(format!("{}:{}", encode(client_id), encode(secret)).as_bytes())
}
