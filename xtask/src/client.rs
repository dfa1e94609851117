//! HTTP for xtask and the tests: JSON over plain http to this machine.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::{
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

/// Longer than any deadline of a command.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of one edge.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// For an origin such as `http://localhost:8787`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config =
            ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), LocalResolver::default());
        Self { agent, url: url.to_owned() }
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

/// Resolves `localhost` to 127.0.0.1 without asking the system, since a bare system may lack `/etc/hosts`.
#[derive(Debug, Default)]
pub struct LocalResolver {
    system: DefaultResolver,
}

impl Resolver for LocalResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        if uri.host() != Some("localhost") {
            return self.system.resolve(uri, config, timeout);
        }
        let mut addresses = self.empty();
        addresses.push((Ipv4Addr::LOCALHOST, port).into());
        Ok(addresses)
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
