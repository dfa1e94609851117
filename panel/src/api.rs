//! The HTTP API, as far as the panel calls it. The session travels in cookies that no script can read; whose
//! of them is meant, the login's or the guest's, every call says.

use gloo_net::http::{Request, Response};
use pinlatch_protocol::admin::{AcceptReply, AcceptRequest};
use pinlatch_protocol::api::{
    GuestReply, GuestRequest, LoginOption, LoginRequest, Secret, SessionReply, SetupRequest, Whoami,
};
use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::Problem;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use web_sys::RequestCache;

use crate::platform;

const SESSION: &str = "/api/v1/session";
const REFRESH: &str = "/api/v1/session/refresh";
const LOGINS: &str = "/api/v1/logins";
const WHOAMI: &str = "/api/v1/whoami";
const COMMANDS: &str = "/api/v1/commands";
const SETUP: &str = "/api/v1/setup";
const ACCEPT: &str = "/api/v1/users/accept";

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The edge said no.
    Problem(Problem),
    /// The edge was not reached.
    Network,
}

impl Failure {
    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Network => None,
        }
    }
}

/// Whether an answer of this status says nothing about the call itself: the next may be another.
pub fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}

impl From<gloo_net::Error> for Failure {
    fn from(_: gloo_net::Error) -> Self {
        Self::Network
    }
}

/// The address of a call on behalf of the page's visitor.
fn at(path: &str) -> String {
    platform::visitor().call(path)
}

/// Logs in.
pub async fn login(request: &LoginRequest) -> Result<SessionReply, Failure> {
    read(Request::post(&at(SESSION)).json(request)?.send().await?).await
}

/// Makes a site's owner.
pub async fn set_up(request: &SetupRequest) -> Result<(), Failure> {
    let response = Request::post(SETUP).json(request)?.send().await?;
    if response.ok() { Ok(()) } else { Err(problem(response).await) }
}

/// Uses an invitation.
pub async fn accept(code: &Secret, password: &Secret) -> Result<AcceptReply, Failure> {
    let request = AcceptRequest { code: code.clone(), password: password.clone() };
    read(Request::post(ACCEPT).json(&request)?.send().await?).await
}

/// The login providers of a site.
pub async fn login_options(site: Option<&Name>) -> Result<Vec<LoginOption>, Failure> {
    let address = site.map_or_else(|| LOGINS.into(), |site| format!("{LOGINS}?site={site}"));
    read(Request::get(&address).send().await?).await
}

/// Where a page is left for a login provider.
pub fn login_address(provider: &Name) -> String {
    format!("{LOGINS}/{provider}")
}

/// Exchanges a guest link's token for a cookie.
pub async fn open_link(token: &Secret) -> Result<GuestReply, Failure> {
    let request = GuestRequest { guest: token.clone() };
    read(Request::post(&at(SESSION)).json(&request)?.send().await?).await
}

/// Renews the session of a login.
pub async fn refresh() -> Result<SessionReply, Failure> {
    read(Request::post(&at(REFRESH)).json(&json!({}))?.send().await?).await
}

/// Logs out; as a guest, forgets the link.
pub async fn logout() -> Result<(), Failure> {
    done(Request::delete(&at(SESSION)).json(&json!({}))?.send().await?).await
}

/// Who the session belongs to.
pub async fn whoami() -> Result<Whoami, Failure> {
    read(Request::get(&at(WHOAMI)).send().await?).await
}

/// What became of a command.
pub async fn command(id: &str) -> Result<CommandResult, Failure> {
    read(Request::get(&at(&format!("{COMMANDS}/{id}"))).send().await?).await
}

/// The page as the server has it now.
pub async fn page() -> Option<String> {
    let response = Request::get("/").cache(RequestCache::NoCache).send().await.ok()?;
    if response.ok() { response.text().await.ok() } else { None }
}

/// What an answer says.
pub async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    if response.ok() { Ok(response.json().await?) } else { Err(problem(response).await) }
}

/// Whether a call was done that answers with nothing.
pub async fn done(response: Response) -> Result<(), Failure> {
    if response.ok() { Ok(()) } else { Err(problem(response).await) }
}

/// The problem in an answer, or one made from its status where something between us and the edge answered.
pub async fn problem(response: Response) -> Failure {
    let status = response.status();
    let body = response.json::<Value>().await.ok();
    let mut problem = body.and_then(|body| serde_json::from_value(body).ok()).unwrap_or_else(|| Problem {
        kind: "about:blank".into(),
        title: format!("The server answered {status}"),
        status,
        code: String::new(),
        detail: None,
        id: None,
        retry_after: None,
    });
    if problem.retry_after.is_none() {
        problem.retry_after = response.headers().get("retry-after").and_then(|text| text.parse().ok());
    }
    Failure::Problem(problem)
}
