//! Handles HTTP requests. For each request, this module checks the path and the method, calls the handler, and returns
//! the response.

mod audit;
mod devices;
mod enrolment;
mod issued_tokens;
mod login;
mod people;
mod session;
mod sockets;

use pinlatch_protocol::api::Health;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::calls;
use serde::Serialize;
use worker::{Env, Method, Request, Response, Result};

use crate::assets;
use crate::auth;
use crate::config::Deployment;
use crate::incoming::Incoming;
use crate::objects::ask_own;
use crate::respond;
use crate::route::Route;

/// The result of a handler: a response, or a problem that the Worker sends as an error response.
type HandlerResult = std::result::Result<Response, Problem>;

/// Handles one HTTP request, and returns the response.
pub async fn answer(request: Request, env: Env) -> Result<Response> {
    match route(request, env).await {
        Ok(response) => Ok(response),
        Err(problem) => respond::problem(&problem),
    }
}

async fn route(request: Request, env: Env) -> HandlerResult {
    let url = request.url().map_err(|_| Problem::new(Code::InvalidRequest))?;
    // The method is read from the JavaScript request, because the crate `worker` replaces an unknown method with `GET`.
    let spoken = request.inner().method();
    #[cfg(feature = "test-hooks")]
    crate::test_hooks::obey(url.path(), &env).await?;
    let Some(route) = Route::of(url.path()) else {
        if Route::is_ours(url.path()) {
            return Err(Code::NotFound.into());
        }
        let accepted = request.headers().get("Accept-Encoding").ok().flatten().unwrap_or_default();
        return assets::serve(&spoken, url.path(), &accepted, &env).await;
    };
    let Some(method) = route.methods().iter().find(|method| method.as_ref() == spoken).cloned() else {
        return method_not_allowed(&route);
    };
    if route == Route::Health {
        return health();
    }
    let deployment = Deployment::of(&env)?;
    let mut incoming = Incoming::new(request, url, env, deployment);
    if route.takes_form_token() {
        incoming.read_form().await?;
    }
    match route {
        Route::Health => health(),
        Route::Jwks => reply(&incoming.deployment.keys.published()),
        Route::Session if method == Method::Delete => session::log_out(incoming).await,
        Route::Session if method == Method::Get => session::status(incoming).await,
        Route::Session => session::log_in(incoming).await,
        Route::SessionRefresh => session::refresh(incoming).await,
        Route::Token => session::token(incoming).await,
        Route::Whoami => whoami(incoming).await,
        Route::Devices => devices::list(incoming).await,
        Route::Device(device) if method == Method::Delete => devices::remove(incoming, device).await,
        Route::Device(device) => devices::show(incoming, device).await,
        Route::Line(device, line) => devices::show_line(incoming, device, line).await,
        Route::Action(device, line, action) => devices::act(incoming, device, line, action).await,
        Route::Command(id) => devices::command(incoming, id).await,
        Route::Enrolments => enrolment::create(incoming).await,
        Route::Enrol => enrolment::enrol(incoming).await,
        Route::Setup => enrolment::set_up(incoming).await,
        Route::Logins => login::list(incoming).await,
        Route::Login(provider) => login::start(incoming, provider).await,
        Route::LoginCallback(provider) => login::finish(incoming, provider).await,
        Route::UserIdentities(username) if method == Method::Put => people::admit(incoming, username).await,
        Route::UserIdentities(username) => people::forget_identities(incoming, username).await,
        Route::Users if method == Method::Post => people::invite(incoming).await,
        Route::Users => people::list(incoming).await,
        Route::UsersAccept => people::accept(incoming).await,
        Route::User(username) if method == Method::Delete => people::remove(incoming, username).await,
        Route::User(username) => people::change(incoming, username).await,
        Route::UserSessions(username) => people::end_sessions(incoming, username).await,
        Route::UserPassword(username) => people::change_password(incoming, username).await,
        Route::Tokens if method == Method::Post => issued_tokens::issue(incoming).await,
        Route::Tokens => issued_tokens::list(incoming).await,
        Route::IssuedToken(jti) => issued_tokens::revoke(incoming, jti).await,
        Route::Generation => issued_tokens::void(incoming).await,
        Route::Audit => audit::read(incoming).await,
        Route::AuditRetention => audit::retain(incoming).await,
        Route::OpenApi => openapi(),
        Route::Events => sockets::panel(incoming).await,
        Route::Agent => sockets::agent(incoming).await,
    }
}

fn method_not_allowed(route: &Route) -> HandlerResult {
    let response = respond::problem(&Code::MethodNotAllowed.into());
    let allowed: Vec<&str> = route.methods().iter().map(AsRef::as_ref).collect();
    let with_allow = response.and_then(|response| {
        response.headers().set("Allow", &allowed.join(", "))?;
        Ok(response)
    });
    with_allow.map_err(|error| respond::fault("response", error))
}

fn reply<T: Serialize>(value: &T) -> HandlerResult {
    respond::json(value).map_err(|error| respond::fault("response", error))
}

fn nothing() -> HandlerResult {
    respond::nothing().map_err(|error| respond::fault("response", error))
}

/// Returns the OpenAPI document, which describes the API in machine-readable form.
fn openapi() -> HandlerResult {
    let text = include_str!("../../openapi.json").to_owned();
    respond::text(text, "application/openapi+json;version=3.1")
        .map_err(|error| respond::fault("response", error))
}

fn health() -> HandlerResult {
    reply(&Health { status: "ok".into(), version: env!("CARGO_PKG_VERSION").into() })
}

async fn whoami(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let whoami = ask_own(&incoming.env, calls::Whoami { principal }).await?;
    reply(&whoami)
}
