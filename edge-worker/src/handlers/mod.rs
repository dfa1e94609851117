//! Handles HTTP requests. For each request, this module finds the endpoint, calls its handler, and returns the
//! response.

mod audit;
mod devices;
mod enrolment;
mod issued_tokens;
mod login;
mod one_time_code;
mod people;
mod session;
mod sockets;

use pinlatch_protocol::api::Health;
use pinlatch_protocol::endpoint::{self, Endpoint, Missing};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::calls;
use worker::{Env, Request, Response, Result};

use crate::assets;
use crate::auth;
use crate::config::Deployment;
use crate::incoming::Incoming;
use crate::objects::ask_own;
use crate::respond::{self, HandlerResult};

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
    let method = request.inner().method();
    #[cfg(feature = "test-hooks")]
    crate::test_hooks::obey(url.path(), &env).await?;
    let endpoint = match Endpoint::find(&method, url.path()) {
        Ok(endpoint) => endpoint,
        Err(Missing::Method { allowed }) => return method_not_allowed(&allowed),
        Err(Missing::Path) if endpoint::is_reserved(url.path()) => return Err(Code::NotFound.into()),
        Err(Missing::Path) => {
            let accepted = request.headers().get("Accept-Encoding").ok().flatten().unwrap_or_default();
            return assets::serve(&method, url.path(), &accepted, &env).await;
        }
    };
    if endpoint == Endpoint::Health {
        return health();
    }
    let deployment = Deployment::of(&env)?;
    let mut incoming = Incoming::new(request, url, env, deployment);
    if endpoint.takes_secret() {
        incoming.refuse_foreign_page()?;
        incoming.require_private()?;
    }
    if endpoint.takes_form_token() {
        incoming.read_form().await?;
    }
    match endpoint {
        Endpoint::Health => health(),
        Endpoint::Jwks => respond::json(&incoming.deployment.keys.published()),
        Endpoint::Openapi => openapi(),
        Endpoint::ShowBrowserSession => session::status(incoming).await,
        Endpoint::LogInBrowser => session::log_in(incoming).await,
        Endpoint::LogOutBrowser => session::log_out(incoming).await,
        Endpoint::RefreshBrowser => session::refresh(incoming).await,
        Endpoint::ProveIdentity => session::prove(incoming).await,
        Endpoint::LogIn => session::token(incoming).await,
        Endpoint::Whoami => whoami(incoming).await,
        Endpoint::ListDevices => devices::list(incoming).await,
        Endpoint::ShowDevice { device } => devices::show(incoming, device).await,
        Endpoint::RemoveDevice { device } => devices::remove(incoming, device).await,
        Endpoint::ShowLine { device, line } => devices::show_line(incoming, device, line).await,
        Endpoint::ReadLine { device, line } => devices::read(incoming, device, line).await,
        Endpoint::ShowDeviceKey { device } => devices::show_key(incoming, device).await,
        Endpoint::ShowDeviceRules { device } => devices::show_rules(incoming, device).await,
        Endpoint::ConfirmDevice { device } => devices::confirm(incoming, device).await,
        Endpoint::AskChallenge { device } => devices::challenge(incoming, device).await,
        Endpoint::RunAction { device, line, action } => devices::act(incoming, device, line, action).await,
        Endpoint::ShowCommand { id } => devices::command(incoming, id).await,
        Endpoint::ListPeople => people::list(incoming).await,
        Endpoint::Invite => people::invite(incoming).await,
        Endpoint::ListInvitations => people::invitations(incoming).await,
        Endpoint::WithdrawInvitation { id } => people::withdraw_invitation(incoming, id).await,
        Endpoint::ShowInvitation => people::show_invitation(incoming).await,
        Endpoint::AcceptInvitation => people::accept(incoming).await,
        Endpoint::ChangePerson { username } => people::change(incoming, username).await,
        Endpoint::RemovePerson { username } => people::remove(incoming, username).await,
        Endpoint::AdmitPerson { username } => people::admit(incoming, username).await,
        Endpoint::ForgetIdentities { username } => people::forget_identities(incoming, username).await,
        Endpoint::ListSessions { username } => people::sessions(incoming, username).await,
        Endpoint::EndSession { username, id } => people::end_session(incoming, username, id).await,
        Endpoint::SecureAccount { username } => people::secure(incoming, username).await,
        Endpoint::EndSessions { username } => people::end_sessions(incoming, username).await,
        Endpoint::ChangePassword { username } => people::change_password(incoming, username).await,
        Endpoint::ListLogins => login::list(incoming).await,
        Endpoint::StartLogin { provider } => login::start(incoming, provider).await,
        Endpoint::FinishLogin { provider } => login::finish(incoming, provider).await,
        Endpoint::ListTokens => issued_tokens::list(incoming).await,
        Endpoint::MintToken => issued_tokens::issue(incoming).await,
        Endpoint::RevokeToken { jti } => issued_tokens::revoke(incoming, jti).await,
        Endpoint::RaiseGeneration => issued_tokens::void(incoming).await,
        Endpoint::ReadAudit => audit::read(incoming).await,
        Endpoint::RetainAudit => audit::retain(incoming).await,
        Endpoint::SetUp => enrolment::set_up(incoming).await,
        Endpoint::ListEnrolments => enrolment::list(incoming).await,
        Endpoint::WithdrawEnrolment { id } => enrolment::withdraw(incoming, id).await,
        Endpoint::CreateEnrolment => enrolment::create(incoming).await,
        Endpoint::Enrol => enrolment::enrol(incoming).await,
        Endpoint::Events => sockets::panel(incoming).await,
        Endpoint::Agent => sockets::agent(incoming).await,
    }
}

fn method_not_allowed(allowed: &[&str]) -> HandlerResult {
    respond::problem_with(Code::MethodNotAllowed, "Allow", &allowed.join(", "))
}

/// Returns the OpenAPI document, which describes the API in machine-readable form.
fn openapi() -> HandlerResult {
    respond::text(include_str!("../../openapi.json"), "application/openapi+json;version=3.1")
}

fn health() -> HandlerResult {
    respond::json(&Health { status: "ok".into(), version: env!("CARGO_PKG_VERSION").into() })
}

async fn whoami(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let whoami = ask_own(&incoming.env, calls::Whoami { principal }).await?;
    respond::json(&whoami)
}
