//! The little HTTP that xtask speaks: JSON over plain http to this machine.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Longer than any deadline of a command.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of one edge.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// For an origin such as `http://127.0.0.1:8787`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config =
            ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build();
        Self { agent: config.into(), url: url.to_owned() }
    }

    /// The status of `GET path`.
    pub fn status(&self, path: &str) -> Result<u16> {
        Ok(self.agent.get(format!("{}{path}", self.url)).call()?.status().as_u16())
    }

    /// `GET path` with a bearer token.
    pub fn get(&self, path: &str, token: &str) -> Result<Value> {
        let response = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {token}"))
            .call()
            .with_context(|| format!("GET {path}"))?;
        answer(&format!("GET {path}"), response)
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let response = self
            .agent
            .post(format!("{}{path}", self.url))
            .send_json(body)
            .with_context(|| format!("POST {path}"))?;
        answer(&format!("POST {path}"), response)
    }

    /// An access token for a user name and password.
    pub fn login(&self, username: &str, password: &str) -> Result<String> {
        let body = serde_json::json!({
            "grant_type": "password", "username": username, "password": password,
        });
        let answer = self.post("/api/v1/token", &body)?;
        let token = answer.get("access_token").and_then(Value::as_str);
        Ok(token.context("the edge answered without an access token")?.to_owned())
    }
}

/// The body of a good answer; a problem's code and title otherwise (never a token: problems hold none).
fn answer(what: &str, mut response: ureq::http::Response<ureq::Body>) -> Result<Value> {
    let status = response.status();
    let body = response.body_mut().read_to_string()?;
    if !status.is_success() {
        bail!("{what} was answered with {status}: {}", body.chars().take(300).collect::<String>());
    }
    serde_json::from_str(&body).with_context(|| format!("{what} was not answered with JSON"))
}
