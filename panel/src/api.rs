//! The HTTP API, as far as the panel calls it. The session travels in cookies that no script can read.

use gloo_net::http::{Request, Response};
use pinlatch_protocol::api::{LoginRequest, SessionReply, Whoami};
use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::problem::Problem;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const SESSION: &str = "/api/v1/session";
const REFRESH: &str = "/api/v1/session/refresh";
const WHOAMI: &str = "/api/v1/whoami";
const COMMANDS: &str = "/api/v1/commands";

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

impl From<gloo_net::Error> for Failure {
    fn from(_: gloo_net::Error) -> Self {
        Self::Network
    }
}

/// Logs in.
pub async fn login(request: &LoginRequest) -> Result<SessionReply, Failure> {
    read(Request::post(SESSION).json(request)?.send().await?).await
}

/// Renews the session.
pub async fn refresh() -> Result<SessionReply, Failure> {
    read(Request::post(REFRESH).json(&json!({}))?.send().await?).await
}

/// Logs out.
pub async fn logout() -> Result<(), Failure> {
    let response = Request::delete(SESSION).json(&json!({}))?.send().await?;
    if response.ok() { Ok(()) } else { Err(problem(response).await) }
}

/// Who the session belongs to.
pub async fn whoami() -> Result<Whoami, Failure> {
    read(Request::get(WHOAMI).send().await?).await
}

/// What became of a command.
pub async fn command(id: &str) -> Result<CommandResult, Failure> {
    read(Request::get(&format!("{COMMANDS}/{id}")).send().await?).await
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    if response.ok() { Ok(response.json().await?) } else { Err(problem(response).await) }
}

/// The problem in an answer, or one made from its status where something between us and the edge answered.
async fn problem(response: Response) -> Failure {
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
