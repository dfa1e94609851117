//! The edge's HTTP API from outside.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use pinlatch_protocol::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

/// How long any call may take: the longest deadline of a command, and some.
const TIMEOUT: Duration = Duration::from_secs(75);

/// A deployment, and the access token to show it, if there is one.
pub struct Api {
    agent: Agent,
    base: Url,
    token: Option<String>,
}

impl Api {
    /// A deployment without a token. `$PINLATCH_CA_FILE` names a PEM file with the authorities to trust
    /// instead of the public ones.
    pub fn new(base: &Url) -> Result<Self> {
        if base.scheme() != "https" && !is_loopback(base) {
            return Err(anyhow!(
                "{base} is plain text, in which passwords and tokens can be overheard; use https"
            ));
        }
        let mut tls = TlsConfig::builder();
        if let Some(file) = std::env::var_os("PINLATCH_CA_FILE") {
            tls = tls.root_certs(RootCerts::from(authorities(Path::new(&file))?));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .user_agent(concat!("pinlatch/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base: base.clone(), token: None })
    }

    /// The same with a token.
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(format!("Bearer {token}")), ..self }
    }

    /// `GET`.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let mut request = self.agent.get(self.address(path)?.as_str());
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        self.read(request.call())
    }

    /// `POST` with a JSON body.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
    ) -> Result<T> {
        let mut request = self.agent.post(self.address(path)?.as_str());
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.read(request.send_json(body))
    }

    fn address(&self, path: &str) -> Result<Url> {
        self.base.join(path).with_context(|| format!("{} is no base for {path}", self.base))
    }

    fn read<T: DeserializeOwned>(&self, outcome: Result<Response<ureq::Body>, ureq::Error>) -> Result<T> {
        let mut response = outcome.with_context(|| format!("cannot reach {}", self.base))?;
        let status = response.status();
        if status.is_success() {
            let text = response.body_mut().read_to_string().context("the answer broke off")?;
            let text = if text.is_empty() { "null" } else { &text };
            return serde_json::from_str(text).context("the answer is not what this version understands");
        }
        match response.body_mut().read_json::<Problem>() {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(anyhow!("{} answered {status}; is a Pinlatch edge there?", self.base)),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.with_context(|| file.display().to_string())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(anyhow!("{} holds no certificate", file.display())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_on_this_machine() {
        let made = |url: &str| Api::new(&Url::parse(url).unwrap()).is_ok();
        assert!(made("http://127.0.0.1:8787") && made("http://localhost:1") && made("http://[::1]:1"));
        assert!(made("https://door.example"));
        for url in
            ["http://door.example", "http://10.0.0.1", "http://localhost.example", "ftp://door.example"]
        {
            assert!(!made(url), "{url}");
        }
    }
}
