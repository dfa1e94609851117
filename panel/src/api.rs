//! The HTTP API calls of the panel. The session is stored in cookies that scripts cannot read. The URL of a call
//! selects the login cookie or the guest cookie, and the headers name the site and the subject that the page was drawn
//! for.

use gloo_net::http::{Method, Request, RequestBuilder, Response};
use pinlatch_protocol::admin::{AcceptRequest, InvitedRequest};
use pinlatch_protocol::api::{
    GuestRequest, LoginOption, LoginRequest, SITE_HEADER, SUBJECT_HEADER, Secret, SetupRequest,
};
use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use serde::Serialize;
use serde_json::Value;
use web_sys::RequestCache;

use crate::refusal::{self, Remedy};
use crate::{platform, viewer, words};

/// The reason why an API call failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The edge answered with a problem document.
    Problem(Problem),
    /// The edge was not reached, or the panel could not read the response.
    Network,
}

impl Failure {
    /// Returns the HTTP status of the response. Returns `None` if there was no response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Network => None,
        }
    }

    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Problem(problem) => refusal::remedy(problem),
            Self::Network => Remedy::None,
        }
    }
}

/// Whether an HTTP status indicates a temporary failure, so that a retry may succeed.
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

pub async fn login(request: &LoginRequest) -> Result<(), Failure> {
    let reply: Value = serde_json::from_str(&ask(Endpoint::LogInBrowser, body(request)?).await?)?;
    viewer::set_site(text_of(&reply, "site"));
    Ok(())
}

/// Creates the owner of a site.
pub async fn set_up(request: &SetupRequest) -> Result<(), Failure> {
    call(&Endpoint::SetUp, "", body(request)?).await.map(drop)
}

/// Returns the user name in an invitation.
pub async fn invited(code: &Secret) -> Result<String, Failure> {
    let request = InvitedRequest { code: code.clone() };
    let reply: Value = serde_json::from_str(&call(&Endpoint::ShowInvitation, "", body(&request)?).await?)?;
    Ok(text_of(&reply, "username").to_owned())
}

/// Accepts an invitation and returns the user name of the invited person.
pub async fn accept(code: &Secret, password: &Secret) -> Result<UserName, Failure> {
    let request = AcceptRequest { code: code.clone(), password: password.clone() };
    let reply: Value = serde_json::from_str(&call(&Endpoint::AcceptInvitation, "", body(&request)?).await?)?;
    UserName::new(text_of(&reply, "username")).map_err(|_| Failure::Network)
}

pub async fn login_options(site: Option<&Name>) -> Result<Vec<LoginOption>, Failure> {
    let query = site.map(|site| format!("?site={site}")).unwrap_or_default();
    Ok(serde_json::from_str(&call(&Endpoint::ListLogins, &query, None).await?)?)
}

/// Returns the URL that redirects to a login provider.
pub fn login_address(provider: &Name) -> String {
    Endpoint::StartLogin { provider: provider.clone() }.path()
}

/// Exchanges the token of a guest link for a cookie. Returns the site.
pub async fn open_link(token: &Secret) -> Result<Name, Failure> {
    let request = GuestRequest { guest: token.clone() };
    let reply: Value = serde_json::from_str(&ask(Endpoint::LogInBrowser, body(&request)?).await?)?;
    site_of(&reply)
}

/// The status of a session, as reported by the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The session is valid.
    Open,
    /// The session has expired, but can be renewed.
    Renewable,
    None,
}

/// Returns the status of the session. The request has no headers, because `boot.js` preloads its URL.
pub async fn status() -> Result<Status, Failure> {
    let response = Request::get(&address(&Endpoint::ShowBrowserSession)).send().await?;
    let reply: Value = serde_json::from_str(&text(response).await?)?;
    viewer::set_site(text_of(&reply, "site"));
    let others = reply.get("other_sites").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    viewer::set_other_sites(&others.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    match text_of(&reply, "state") {
        "open" => Ok(Status::Open),
        "renewable" => Ok(Status::Renewable),
        _ => Ok(Status::None),
    }
}

/// Returns the path and the query of a call without headers of the page.
pub fn address(endpoint: &Endpoint) -> String {
    platform::visitor().address(endpoint, viewer::site().as_ref(), viewer::subject().as_deref())
}

/// Renews the session of a login.
pub async fn refresh() -> Result<(), Failure> {
    ask(Endpoint::RefreshBrowser, Some(EMPTY.into())).await.map(drop)
}

/// Signs the person out. For a guest, this call deletes the cookie of the guest link.
pub async fn logout() -> Result<(), Failure> {
    ask(Endpoint::LogOutBrowser, Some(EMPTY.into())).await.map(drop)
}

/// Returns the result of a command.
pub async fn command(id: &str) -> Result<CommandResult, Failure> {
    Ok(serde_json::from_str(&ask(Endpoint::ShowCommand { id: id.into() }, None).await?)?)
}

/// Returns the server's current version of the panel's page. The browser does not use a cached page without checking
/// with the server.
pub async fn page() -> Option<String> {
    let response = Request::get("/").cache(RequestCache::NoCache).send().await.ok()?;
    if response.ok() { response.text().await.ok() } else { None }
}

/// An empty JSON body. Every call that changes data has a JSON body. Browsers do not send a JSON body to another origin
/// without a CORS preflight, which protects the API from other websites.
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

/// Makes one API call with the cookie of the page's visitor and returns the response as text.
async fn ask(endpoint: Endpoint, body: Option<String>) -> Result<String, Failure> {
    call(&endpoint, platform::visitor().query(), body).await
}

/// Makes one API call and returns the response as text. The function is not generic over the type of the response,
/// because generic code would enlarge the program.
async fn call(endpoint: &Endpoint, query: &str, body: Option<String>) -> Result<String, Failure> {
    let request = request(endpoint, query);
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body)?,
        None => request.build()?,
    };
    text(request.send().await?).await
}

async fn text(response: Response) -> Result<String, Failure> {
    if response.ok() { Ok(response.text().await?) } else { Err(problem(response).await) }
}

/// Returns a request to an endpoint, with the site and the subject of the page. The query is empty or starts with `?`.
pub fn request(endpoint: &Endpoint, query: &str) -> RequestBuilder {
    // The names of all methods in the table of endpoints are valid.
    let method = Method::from_bytes(endpoint.method().as_bytes()).unwrap_or_default();
    let mut request = RequestBuilder::new(&(endpoint.path() + query)).method(method);
    if let Some(site) = viewer::site() {
        request = request.header(SITE_HEADER, site.as_str());
    }
    if let Some(subject) = viewer::subject() {
        request = request.header(SUBJECT_HEADER, &subject);
    }
    request
}

/// Returns the problem document in a response. If a proxy answered in place of the edge, the problem is made from the
/// HTTP status. If another person has logged in since the page was drawn, the page is loaded again.
pub async fn problem(response: Response) -> Failure {
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    let mut problem = serde_json::from_str(&body).unwrap_or_else(|_| Problem {
        kind: "about:blank".into(),
        title: words::server_answered(status),
        status,
        code: String::new(),
        detail: None,
        id: None,
        retry_after: None,
        max_age: None,
    });
    if problem.retry_after.is_none() {
        problem.retry_after = response.headers().get("retry-after").and_then(|text| text.parse().ok());
    }
    if problem.is(Code::OtherLogin) {
        platform::reload_for_other_login();
    }
    Failure::Problem(problem)
}

/// Whether the server has another version of the page. Each version of the page has a script with a different file
/// name.
pub async fn is_replaced() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    let script = document.and_then(|document| document.query_selector("script[type=module]").ok()?);
    let Some(own) = script.and_then(|script| script.get_attribute("src")) else { return false };
    page().await.is_some_and(|page| !page.contains(&own))
}
