//! An HTTP client for test deployments.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use ureq::config::Config;
use ureq::http::{Request, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The response headers in the order in which they were received. The header names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The response body as JSON. The value is null if the response body is empty or is not JSON.
    pub body: Value,
}

impl Answer {
    /// Returns the value of the first response header with this name. Returns an empty string if the response has no
    /// such header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Returns the error code of a problem document. Returns an empty string if the response body is not a problem
    /// document.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Asserts that the response is a problem document (RFC 9457) with this status, this error code and the correct
    /// media type.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(self.body["title"].is_string() && self.body["type"].is_string(), "{self:?}");
    }

    /// Asserts that the response has a success status, and returns the response body.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }
}

fn headers_of<T>(response: &ureq::http::Response<T>) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    response.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

/// Replaces the host `localhost` in `localhost:PORT` by 127.0.0.1, which can be reached even without `/etc/hosts`.
/// Returns any other host unchanged.
pub fn local(host: &str) -> String {
    host.strip_prefix("localhost:").map_or_else(|| host.to_owned(), |port| format!("127.0.0.1:{port}"))
}

/// Sends raw bytes to a server and returns the status of the HTTP response. Returns `None` if the connection ends
/// without a response.
pub fn raw(origin: &str, request: &[u8]) -> Option<u16> {
    let host = origin.strip_prefix("http://").expect("plain http");
    let mut stream = TcpStream::connect(local(host)).expect("workerd");
    stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout");
    // The server can refuse the request early and close the connection, so a failed write is ignored.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.contains(&b'\n') {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => answer.extend(&piece[..count]),
        }
    }
    let line = String::from_utf8_lossy(&answer).into_owned();
    Some(line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"))
}

/// Resolves `localhost` to 127.0.0.1 without the system's resolver, because some minimal systems have no `/etc/hosts`.
#[derive(Debug, Default)]
struct LocalResolver {
    system: DefaultResolver,
}

impl Resolver for LocalResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        if uri.host() != Some("localhost") {
            return self.system.resolve(uri, config, timeout);
        }
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut addresses = self.empty();
        addresses.push((Ipv4Addr::LOCALHOST, port).into());
        Ok(addresses)
    }
}

/// An HTTP client for one origin, which adds the same headers to every request.
#[derive(Clone)]
pub struct Http {
    agent: ureq::Agent,
    /// The origin of the server, for example `http://localhost:1234`.
    pub origin: String,
    headers: Vec<(String, String)>,
}

impl Http {
    /// Returns an HTTP client without credentials.
    pub fn new(origin: &str) -> Self {
        Self::with_tls(origin, TlsConfig::default())
    }

    /// Returns an HTTP client without credentials that trusts one certificate authority. The argument `authority` is
    /// the certificate of that authority in DER format.
    pub fn trusting(origin: &str, authority: &[u8]) -> Self {
        let authority = Certificate::from_der(authority).to_owned();
        Self::with_tls(origin, TlsConfig::builder().root_certs(RootCerts::from([authority])).build())
    }

    fn with_tls(origin: &str, tls: TlsConfig) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(90)))
            .max_redirects(0)
            .tls_config(tls)
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), LocalResolver::default());
        Self { agent, origin: origin.to_owned(), headers: Vec::new() }
    }

    /// Returns a copy of the HTTP client that sends one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.headers.push((name.to_owned(), value.to_owned()));
        more
    }

    /// Returns a copy of the HTTP client that sends a bearer token.
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Sends a `GET` request for binary content. Returns the response without its body, and the body as bytes.
    pub fn get_bytes(&self, path: &str) -> (Answer, Vec<u8>) {
        let mut request = Request::builder().uri(format!("{}{path}", self.origin));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = self.agent.run(request.body(()).expect("a request"));
        let mut answer = answer.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        let bytes = answer.body_mut().read_to_vec().expect("a body");
        let (status, headers) = (answer.status().as_u16(), headers_of(&answer));
        (Answer { status, headers, body: Value::Null }, bytes)
    }

    /// Sends a `POST` request with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(("application/json", &body.to_string())))
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends a `POST` request with a form as its body.
    pub fn post_form(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, Some(("application/x-www-form-urlencoded", form)))
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends a request with any method and a JSON body. If `body` is null, the request has no body.
    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = body.to_string();
        let body = (!body.is_null()).then_some(("application/json", text.as_str()));
        self.send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a `GET` request and returns the response body as text.
    pub fn text(&self, path: &str) -> String {
        let mut request = Request::builder().uri(format!("{}{path}", self.origin));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = self.agent.run(request.body(()).expect("a request"));
        let mut answer = answer.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        answer.body_mut().read_to_string().expect("a text")
    }

    /// Sends any HTTP request. Returns an error only if no response arrives.
    pub fn send(&self, method: &str, path: &str, body: Option<(&str, &str)>) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((media_type, _)) = body {
            request = request.header("content-type", media_type);
        }
        let text = body.map_or(String::new(), |(_, text)| text.to_owned());
        let mut response = if body.is_some() {
            self.agent.run(request.body(text)?)?
        } else {
            self.agent.run(request.body(())?)?
        };
        let headers = headers_of(&response);
        let text = response.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: response.status().as_u16(), headers, body })
    }
}
