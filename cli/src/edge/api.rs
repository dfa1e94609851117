//! Contains the client for the edge's HTTP API.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::loopback::{is_loopback, localhost};
use pinlatch_protocol::problem::{Code, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::config::Config;
use ureq::http::{Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{self, DefaultResolver, ResolvedSocketAddrs};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use url::Url;

use crate::explained::problem;

/// The maximum duration of an HTTP call: the longest deadline of a command plus a margin.
const TIMEOUT: Duration = Duration::from_secs(75);

/// The beginning of the header `Authorization`.
const BEARER: &str = "Bearer ";

/// A request to an endpoint.
struct Call<'a> {
    endpoint: &'a Endpoint,
    /// The query of the URL, or an empty text for a URL without a query.
    query: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Option<String>,
}

/// An HTTP client of one deployment. If the client has an access token, each request contains this token.
pub struct Api {
    agent: Agent,
    base: Url,
    token: RefCell<Option<String>>,
    renew: Option<fn(&str) -> Result<String>>,
    prove: Option<fn(anyhow::Error) -> Result<String>>,
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
        let agent = agent(TIMEOUT)?;
        Ok(Self { agent, base: base.clone(), token: RefCell::default(), renew: None, prove: None })
    }

    pub fn with_token(self, token: &str) -> Self {
        self.set_token(token);
        self
    }

    fn set_token(&self, token: &str) {
        self.token.replace(Some(format!("{BEARER}{token}")));
    }

    /// Sets a function that returns a new access token. If the edge refuses the current access token, the given
    /// function is called with the refused token, and the request is sent again. The edge can refuse an access token before the token expires,
    /// for example because a signing key was retired.
    pub fn renewed_by(self, renew: fn(&str) -> Result<String>) -> Self {
        Self { renew: Some(renew), ..self }
    }

    /// Sets a function that proves again that the user is the person of the login, and returns a new access token. If
    /// the edge needs a newer proof for a request (RFC 9470), the given function is called with the edge's refusal, and
    /// the request is sent again once.
    pub fn proven_by(self, prove: fn(anyhow::Error) -> Result<String>) -> Self {
        Self { prove: Some(prove), ..self }
    }

    /// Sends a request without a body.
    pub fn call<T: DeserializeOwned>(&self, endpoint: &Endpoint) -> Result<T> {
        self.read(&Call { endpoint, query: "", headers: &[], body: None })
    }

    /// Sends a request with a query and without a body.
    pub fn call_with<T: DeserializeOwned>(&self, endpoint: &Endpoint, query: &str) -> Result<T> {
        self.read(&Call { endpoint, query, headers: &[], body: None })
    }

    /// Sends a request with a JSON body.
    pub fn send<T: DeserializeOwned>(&self, endpoint: &Endpoint, body: &impl Serialize) -> Result<T> {
        self.send_with(endpoint, "", &[], body)
    }

    /// Sends a request with a query, headers and a JSON body.
    pub fn send_with<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        query: &str,
        headers: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<T> {
        self.read(&Call { endpoint, query, headers, body: Some(serde_json::to_string(body)?) })
    }

    /// Sends a request for JSON Lines and calls `take` for each line of the response.
    pub fn lines(
        &self,
        endpoint: &Endpoint,
        query: &str,
        mut take: impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let headers = &[("Accept", "application/jsonl")];
        let mut response = self.exchange(&Call { endpoint, query, headers, body: None })?;
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        for line in BufReader::new(body).lines() {
            take(&line.context("the connection ended during the edge's response; try again")?)?;
        }
        Ok(())
    }

    /// Sends a request without a body, and returns any response, including a response with an error status.
    pub fn probe(&self, endpoint: &Endpoint) -> Result<Probe> {
        self.probed(&Call { endpoint, query: "", headers: &[], body: None })
    }

    /// Sends a request with headers and a JSON body, and returns any response.
    pub fn probe_with(
        &self,
        endpoint: &Endpoint,
        headers: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<Probe> {
        self.probed(&Call { endpoint, query: "", headers, body: Some(serde_json::to_string(body)?) })
    }

    fn probed(&self, call: &Call) -> Result<Probe> {
        let mut response = self.transmit(call).map_err(|error| self.unreachable(error))?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (date, challenge) = (header("date"), header("www-authenticate"));
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .read_to_string()
            .context("the connection ended during the edge's response; try again")?;
        Ok(Probe { status, date, challenge, body })
    }

    fn transmit(&self, call: &Call) -> Result<Response<Body>, ureq::Error> {
        let address = self.base.join(&call.endpoint.path());
        let mut address = address.map_err(|error| ureq::Error::BadUri(error.to_string()))?;
        address.set_query((!call.query.is_empty()).then_some(call.query));
        let mut request = Request::builder().method(call.endpoint.method()).uri(address.as_str());
        if let Some(token) = self.token.borrow().as_deref() {
            request = request.header("Authorization", token);
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        match &call.body {
            Some(body) => {
                self.agent.run(request.header("Content-Type", "application/json").body(body.as_str())?)
            }
            None => self.agent.run(request.body(())?),
        }
    }

    fn unreachable(&self, error: ureq::Error) -> anyhow::Error {
        if let Some(text) = wrong_scheme(&error, &self.base) {
            return anyhow!("cannot reach {}: {text}", self.base);
        }
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
                self.base,
            )),
        }
    }

    fn exchange(&self, call: &Call) -> Result<Response<Body>> {
        self.authorised(|| self.accepted(self.transmit(call)))
    }

    /// Sends a request. If the edge refuses the access token or needs a newer proof, the request is sent again with a
    /// new access token. The edge does not execute a request that it refuses for one of these reasons. Therefore no
    /// request is executed twice.
    fn authorised<T>(&self, send: impl Fn() -> Result<T>) -> Result<T> {
        let mut outcome = send();
        if let (Some(renew), Err(error)) = (self.renew, &outcome)
            && has_code(error, Code::InvalidToken)
        {
            let refused = self.token.borrow().clone().unwrap_or_default();
            self.set_token(&renew(refused.trim_start_matches(BEARER))?);
            outcome = send();
        }
        match (self.prove, outcome) {
            (Some(prove), Err(error)) if has_code(&error, Code::InsufficientUserAuthentication) => {
                self.set_token(&prove(error)?);
                send()
            }
            (Some(_), Err(error)) if has_code(&error, Code::PersonRequired) => Err(error.context(format!(
                "the token of the login session that is stored for {} does not belong to the login of a person; a person must log in with `pinlatch login`",
                self.base
            ))),
            (_, outcome) => outcome,
        }
    }

    fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let mut response = self.exchange(call)?;
        let text = response
            .body_mut()
            .read_to_string()
            .context("the connection ended during the edge's response; the request may have been executed")?;
        parse(if text.is_empty() { "null" } else { &text })
    }
}

/// Parses a JSON document in a response of the edge.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .context("cannot read the edge's response; install the same version of `pinlatch` and the edge")
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

/// Explains an error whose cause is that the server speaks another protocol than the scheme of the URL says.
fn wrong_scheme(error: &ureq::Error, base: &Url) -> Option<String> {
    let other = |scheme| {
        let mut other = base.clone();
        other.set_scheme(scheme).ok().map(|()| other)
    };
    match error {
        // rustls reports the bytes of a response in plain text as a message with an invalid type.
        error if error.to_string().contains("InvalidContentType") => Some(if is_local(base) {
            format!("the server does not speak TLS; try {}", other("http")?)
        } else {
            "the server does not speak TLS at this port; check the port".into()
        }),
        ureq::Error::Protocol(_) if base.scheme() == "http" => {
            Some(format!("the server does not speak HTTP; try {}", other("https")?))
        }
        _ => None,
    }
}

/// Returns whether the error is a problem of the edge with the given code.
pub fn has_code(error: &anyhow::Error, code: Code) -> bool {
    problem(error).is_some_and(|problem| problem.is(code))
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

impl Probe {
    /// Returns the problem document in the response.
    pub fn problem(&self) -> Option<Problem> {
        serde_json::from_str(&self.body).ok()
    }
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

    /// Returns a client of a login session. The client renews its access token to `renewed`, and proves to `proven`.
    fn logged_in() -> Api {
        let api = Api::new(&Url::parse("https://door.example").unwrap()).unwrap().with_token("first");
        api.renewed_by(|refused| Ok(format!("renewed after {refused}"))).proven_by(|needed| {
            assert!(has_code(&needed, Code::InsufficientUserAuthentication));
            Ok("proven".into())
        })
    }

    /// Sends a request that the edge answers with the given codes, and then with success. Returns the result, and the
    /// tokens with which the request was sent.
    fn sent(api: &Api, answers: &[Code]) -> (Result<()>, Vec<String>) {
        let tokens = RefCell::new(Vec::new());
        let result = api.authorised(|| {
            tokens.borrow_mut().push(api.token.borrow().clone().unwrap_or_default());
            match answers.get(tokens.borrow().len() - 1) {
                Some(code) => Err(Problem::new(*code).into()),
                None => Ok(()),
            }
        });
        (result, tokens.into_inner())
    }

    #[test]
    fn a_request_is_repeated_once_after_a_renewal_and_once_after_a_proof() {
        use Code::{InsufficientUserAuthentication as Unproven, InvalidToken};
        let (result, tokens) = sent(&logged_in(), &[Unproven]);
        assert!(result.is_ok());
        assert_eq!(tokens, ["Bearer first", "Bearer proven"], "the login is not renewed");
        let (result, tokens) = sent(&logged_in(), &[InvalidToken, Unproven]);
        assert!(result.is_ok());
        assert_eq!(tokens, ["Bearer first", "Bearer renewed after first", "Bearer proven"]);
        for (answers, count) in
            [(&[Unproven; 2][..], 2), (&[InvalidToken; 2], 2), (&[InvalidToken, Unproven, Unproven], 3)]
        {
            let (result, tokens) = sent(&logged_in(), answers);
            assert!(result.is_err_and(|error| has_code(&error, *answers.last().unwrap())));
            assert_eq!(tokens.len(), count, "{answers:?}");
        }
    }

    #[test]
    fn only_the_client_of_a_login_asks_for_a_proof() {
        let api = Api::new(&Url::parse("https://door.example").unwrap()).unwrap().with_token("first");
        let (result, tokens) = sent(&api, &[Code::InsufficientUserAuthentication]);
        assert!(result.is_err() && tokens.len() == 1);
    }

    #[test]
    fn a_refusal_of_a_token_without_a_person_names_the_token() {
        let error = sent(&logged_in(), &[Code::PersonRequired]).0.unwrap_err();
        assert!(has_code(&error, Code::PersonRequired), "the document for --json stays the same");
        let text = format!("{error:#}");
        assert!(
            text.contains("stored for https://door.example") && text.contains("pinlatch login"),
            "{text}"
        );
    }
}
