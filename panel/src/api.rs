//! The HTTP API, as far as the panel calls it. The session travels in cookies that no script can read; whose
//! of them is meant, the login's or the guest's, every call says.

use gloo_net::http::{Method, Request, RequestBuilder, Response};
use pinlatch_protocol::admin::AcceptRequest;
use pinlatch_protocol::api::{GuestRequest, LoginOption, LoginRequest, Secret, SetupRequest, Whoami};
use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
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

impl From<serde_json::Error> for Failure {
    fn from(_: serde_json::Error) -> Self {
        Self::Network
    }
}

/// The address of a call on behalf of the page's visitor.
fn at(path: &str) -> String {
    platform::visitor().call(path)
}

/// Logs in.
pub async fn login(request: &LoginRequest) -> Result<(), Failure> {
    call(Method::POST, &at(SESSION), body(request)?).await.map(drop)
}

/// Makes a site's owner.
pub async fn set_up(request: &SetupRequest) -> Result<(), Failure> {
    call(Method::POST, SETUP, body(request)?).await.map(drop)
}

/// Uses an invitation; gives the name of who was invited.
pub async fn accept(code: &Secret, password: &Secret) -> Result<UserName, Failure> {
    let request = AcceptRequest { code: code.clone(), password: password.clone() };
    let reply: Value = serde_json::from_str(&call(Method::POST, ACCEPT, body(&request)?).await?)?;
    UserName::new(text_of(&reply, "username")).map_err(|_| Failure::Network)
}

/// The login providers of a site.
pub async fn login_options(site: Option<&Name>) -> Result<Vec<LoginOption>, Failure> {
    let address = site.map_or_else(|| LOGINS.into(), |site| format!("{LOGINS}?site={site}"));
    Ok(serde_json::from_str(&call(Method::GET, &address, None).await?)?)
}

/// Where a page is left for a login provider.
pub fn login_address(provider: &Name) -> String {
    format!("{LOGINS}/{provider}")
}

/// Exchanges a guest link's token for a cookie; gives its site, and from when it is valid.
pub async fn open_link(token: &Secret) -> Result<(Name, Option<u64>), Failure> {
    let request = GuestRequest { guest: token.clone() };
    let reply: Value = serde_json::from_str(&call(Method::POST, &at(SESSION), body(&request)?).await?)?;
    let from = reply.get("guest").and_then(|guest| guest.get("not_before")?.as_u64());
    Ok((site_of(&reply)?, from))
}

/// How the session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is open, of a site, for somebody.
    Open(Name, String),
    /// It may be, once it is renewed.
    Renewable,
    /// There is none.
    None,
}

/// How the session of the page's visitor stands.
pub async fn status() -> Result<Status, Failure> {
    let reply: Value = serde_json::from_str(&call(Method::GET, &at(SESSION), None).await?)?;
    match text_of(&reply, "state") {
        "open" => Ok(Status::Open(site_of(&reply)?, text_of(&reply, "sub").into())),
        "renewable" => Ok(Status::Renewable),
        _ => Ok(Status::None),
    }
}

/// Renews the session of a login; gives its site.
pub async fn refresh() -> Result<Name, Failure> {
    let reply = call(Method::POST, &at(REFRESH), Some(EMPTY.into())).await?;
    site_of(&serde_json::from_str(&reply)?)
}

/// Logs out; as a guest, forgets the link.
pub async fn logout() -> Result<(), Failure> {
    call(Method::DELETE, &at(SESSION), Some(EMPTY.into())).await.map(drop)
}

/// Who the session belongs to.
#[allow(dead_code, reason = "for the pages of administration")]
pub async fn whoami() -> Result<Whoami, Failure> {
    Ok(serde_json::from_str(&call(Method::GET, &at(WHOAMI), None).await?)?)
}

/// What became of a command.
pub async fn command(id: &str) -> Result<CommandResult, Failure> {
    Ok(serde_json::from_str(&call(Method::GET, &at(&format!("{COMMANDS}/{id}")), None).await?)?)
}

/// The page as the server has it now.
pub async fn page() -> Option<String> {
    let response = Request::get("/").cache(RequestCache::NoCache).send().await.ok()?;
    if response.ok() { response.text().await.ok() } else { None }
}

/// A body that says nothing; a write has one, since that is how browsers keep other origins from it.
const EMPTY: &str = "{}";

fn body(request: &impl Serialize) -> Result<Option<String>, Failure> {
    Ok(Some(serde_json::to_string(request)?))
}

fn text_of<'v>(reply: &'v Value, member: &str) -> &'v str {
    reply.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn site_of(reply: &Value) -> Result<Name, Failure> {
    Name::new(text_of(reply, "site")).map_err(|_| Failure::Network)
}

/// Makes one call, whose answer is read as text: one function for all, whatever they bring.
async fn call(method: Method, address: &str, body: Option<String>) -> Result<String, Failure> {
    let request = RequestBuilder::new(address).method(method);
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body)?,
        None => request.build()?,
    };
    let response = request.send().await?;
    if response.ok() { Ok(response.text().await?) } else { Err(problem(response).await) }
}

/// What an answer says.
#[allow(dead_code, reason = "for the pages of administration")]
pub async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    if response.ok() { Ok(response.json().await?) } else { Err(problem(response).await) }
}

/// Whether a call was done that answers with nothing.
#[allow(dead_code, reason = "for the pages of administration")]
pub async fn done(response: Response) -> Result<(), Failure> {
    if response.ok() { Ok(()) } else { Err(problem(response).await) }
}

/// The problem in an answer, or one made from its status where something between us and the edge answered.
pub async fn problem(response: Response) -> Failure {
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    let mut problem = serde_json::from_str(&body).unwrap_or_else(|_| Problem {
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
