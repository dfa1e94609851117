//! Contains the client for the edge's HTTP API.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use pinlatch_protocol::loopback::{is_loopback, localhost};
use pinlatch_protocol::problem::{Code, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::config::Config;
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{self, DefaultResolver, ResolvedSocketAddrs};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use url::Url;

/// The maximum duration of an HTTP call: the longest deadline of a command plus a margin.
const TIMEOUT: Duration = Duration::from_secs(75);

/// An HTTP client of one deployment. If the client has an access token, each request contains this token.
pub struct Api {
    agent: Agent,
    base: Url,
    token: RefCell<Option<String>>,
    renew: Option<fn() -> Result<String>>,
}

impl Api {
    /// Creates a client without an access token. If `$PINLATCH_CA_FILE` is set, the client trusts the CAs in this PEM
    /// file instead of the public CAs. Plain HTTP is allowed only for connections to this machine.
    pub fn new(base: &Url) -> Result<Self> {
        if base.scheme() != "https" && !is_local(base) {
            return Err(anyhow!(
                "a connection to {base} is not encrypted, so others could read passwords and tokens; use an https URL"
            ));
        }
        Ok(Self { agent: agent(TIMEOUT)?, base: base.clone(), token: RefCell::default(), renew: None })
    }

    pub fn with_token(self, token: &str) -> Self {
        Self { token: RefCell::new(Some(format!("Bearer {token}"))), ..self }
    }

    /// Sets a function that returns a new access token. If the edge refuses the current access token, the given
    /// function is called and the request is sent again. The edge can refuse an access token before the token expires,
    /// for example because a signing key was retired.
    pub fn renewed_by(self, renew: fn() -> Result<String>) -> Self {
        Self { renew: Some(renew), ..self }
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.read(Method::GET, path, &[], None)
    }

    /// Sends a `POST` request with a JSON body.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
    ) -> Result<T> {
        self.read(Method::POST, path, headers, Some(serde_json::to_string(body)?))
    }

    /// Sends a `PUT` or `PATCH` request with a JSON body. The body of the response is ignored.
    pub fn change(&self, method: Method, path: &str, body: &impl Serialize) -> Result<()> {
        let _: Option<Value> = self.read(method, path, &[], Some(serde_json::to_string(body)?))?;
        Ok(())
    }

    pub fn delete(&self, path: &str) -> Result<()> {
        // The endpoint that ends a session requires an `Origin` header.
        let origin = self.base.origin().ascii_serialization();
        let _: Option<Value> = self.read(Method::DELETE, path, &[("Origin", &origin)], None)?;
        Ok(())
    }

    /// Sends a `GET` request for JSON Lines and calls `take` for each line of the response.
    pub fn lines(&self, path: &str, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let mut response = self.call(Method::GET, path, &[("Accept", "application/jsonl")], None)?;
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        for line in BufReader::new(body).lines() {
            take(&line.context("the connection ended during the edge's response; try again")?)?;
        }
        Ok(())
    }

    /// Sends a `GET` request and returns any response, including a response with an error status.
    pub fn probe(&self, path: &str) -> Result<Probe> {
        let mut response =
            self.send(Method::GET, path, &[], None).map_err(|error| self.unreachable(error))?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (date, challenge) = (header("date"), header("www-authenticate"));
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .read_to_string()
            .context("the connection ended during the edge's response; try again")?;
        Ok(Probe { status, date, challenge, body })
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Response<Body>, ureq::Error> {
        let address = self.base.join(path).map_err(|error| ureq::Error::BadUri(error.to_string()))?;
        let mut request = Request::builder().method(method).uri(address.as_str());
        if let Some(token) = self.token.borrow().as_deref() {
            request = request.header("Authorization", token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(body) => self.agent.run(request.header("Content-Type", "application/json").body(body)?),
            None => self.agent.run(request.body(())?),
        }
    }

    fn unreachable(&self, error: ureq::Error) -> anyhow::Error {
        anyhow::Error::new(error).context(format!("cannot reach {}", self.base))
    }

    /// Returns an error if the status of the response is not a success status.
    fn accepted(&self, outcome: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let mut response = outcome.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.body_mut().read_json::<Problem>() {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(anyhow!(
                "{} answered with status {status}, but the response is not from a Pinlatch edge; check the URL",
                self.base
            )),
        }
    }

    /// Sends a request. If the edge refuses the access token, the request is sent again with a new access token. The
    /// edge does not execute a request whose token it refuses. Therefore no request is executed twice.
    fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Response<Body>> {
        let first = self.accepted(self.send(method.clone(), path, headers, body.clone()));
        match (self.renew, &first) {
            (Some(renew), Err(error)) if is_refused_token(error) => {
                self.token.replace(Some(format!("Bearer {}", renew()?)));
                self.accepted(self.send(method, path, headers, body))
            }
            _ => first,
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<T> {
        let mut response = self.call(method, path, headers, body)?;
        let text = response
            .body_mut()
            .read_to_string()
            .context("the connection ended during the edge's response; the request may have been executed")?;
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text)
            .context("cannot read the edge's response; install the same version of `pinlatch` and the edge")
    }
}

/// Creates an HTTP client that does not follow redirects. The client trusts the CAs in the file `$PINLATCH_CA_FILE`, or
/// the public CAs if this variable is not set.
pub fn agent(timeout: Duration) -> Result<Agent> {
    let mut tls = TlsConfig::builder();
    if let Some(own) = own_authorities()? {
        tls = tls.root_certs(RootCerts::from(own));
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .user_agent(concat!("pinlatch/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(Agent::with_parts(config, DefaultConnector::default(), Resolver::default()))
}

/// Resolves the host name `localhost` without the system's resolver. The documentation of
/// [`localhost`] gives the reason. The system's resolver resolves all other host names.
#[derive(Debug, Default)]
struct Resolver {
    system: DefaultResolver,
}

impl resolver::Resolver for Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let Some(local) = uri.host().and_then(localhost) else {
            return self.system.resolve(uri, config, timeout);
        };
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let mut addresses = self.empty();
        local.into_iter().for_each(|ip| addresses.push(SocketAddr::new(ip, port)));
        Ok(addresses)
    }
}

fn is_refused_token(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.is(Code::InvalidToken))
}

/// An HTTP response with any status.
pub struct Probe {
    pub status: u16,
    /// The value of the `Date` header, if the header is present.
    pub date: Option<String>,
    /// The value of the `WWW-Authenticate` header, if the header is present.
    pub challenge: Option<String>,
    pub body: String,
}

/// Percent-encodes a text, so that the text is one segment of a URL path.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@+".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// Returns whether the URL's host is this machine.
pub fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback)
}

/// Returns the CAs that the program trusts instead of the public CAs. These CAs are in the file `$PINLATCH_CA_FILE`.
/// Returns `None` if the variable is not set.
pub fn own_authorities() -> Result<Option<Vec<Certificate<'static>>>> {
    std::env::var_os("PINLATCH_CA_FILE").map(|file| authorities(Path::new(&file))).transpose()
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.with_context(|| file.display().to_string())? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(anyhow!(
            "{} contains no certificate; set PINLATCH_CA_FILE to a PEM file with CA certificates",
            file.display()
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("ann@example.org"), "ann@example.org");
        assert_eq!(segment("../a?b#c d%é"), "..%2Fa%3Fb%23c%20d%25%C3%A9");
    }

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
