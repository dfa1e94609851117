//! A request, and the careful reading of it.

use std::rc::Rc;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;
use worker::{Env, Method, Request};

use crate::config::Deployment;
use crate::respond::fault;

/// The largest body that any call takes, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// A form's media type.
const FORM: &str = "application/x-www-form-urlencoded";

/// One request on its way through the Worker.
pub struct Incoming {
    /// The request as it came.
    pub request: Request,
    /// Its URL.
    pub url: Url,
    /// The bindings.
    pub env: Env,
    /// The configuration.
    pub deployment: Rc<Deployment>,
    /// The fields of a form, where the body is one that was read.
    form: Option<Vec<(String, String)>>,
}

/// The field, in a form or a query, that carries a token (RFC 6750 §2.2, §2.3).
const TOKEN_FIELD: &str = "access_token";

impl Incoming {
    /// A request whose body is not read yet.
    pub fn new(request: Request, url: Url, env: Env, deployment: Rc<Deployment>) -> Self {
        Self { request, url, env, deployment, form: None }
    }

    /// Reads a POST's body if it is a form, which may carry the token beside the call's arguments.
    pub async fn read_form(&mut self) -> Result<(), Problem> {
        if self.request.method() == Method::Post && self.media_type() == FORM {
            let body = self.body().await?;
            self.form = Some(serde_urlencoded::from_bytes(&body).map_err(malformed)?);
        }
        Ok(())
    }

    /// The tokens in the body (RFC 6750 §2.2).
    pub fn form_tokens(&self) -> impl Iterator<Item = &str> {
        let fields = self.form.iter().flatten();
        fields.filter(|(name, _)| name == TOKEN_FIELD).map(|(_, value)| value.as_str())
    }

    /// The tokens in the query (RFC 6750 §2.3).
    pub fn query_tokens(&self) -> Vec<String> {
        let pairs = self.url.query_pairs().filter(|(name, _)| name == TOKEN_FIELD);
        pairs.map(|(_, value)| value.into_owned()).collect()
    }

    /// A form's other fields as JSON members: `ms=3000` and `value=true` mean what they look like, and what is
    /// no JSON is a text.
    fn form_members(&self) -> Option<Map<String, Value>> {
        let fields = self.form.as_ref()?.iter().filter(|(name, _)| name != TOKEN_FIELD);
        let member = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        Some(fields.map(|(name, text)| (name.clone(), member(text))).collect())
    }

    /// A header's value; one that is not text counts as absent.
    pub fn header(&self, name: &str) -> Option<String> {
        self.request.headers().get(name).ok().flatten()
    }

    /// `scheme://host[:port]`, as a browser writes it in `Origin`.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether nobody can listen in: over TLS, or on loopback. Elsewhere a browser would not keep our
    /// `Secure` cookies either.
    pub fn is_private(&self) -> bool {
        let loopback = match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.url.scheme() == "https" || loopback
    }

    /// Requires that a browser's request comes from a page of this very origin.
    pub fn require_own_origin(&self) -> Result<(), Problem> {
        if self.header("Origin").is_some_and(|origin| origin == self.origin()) {
            Ok(())
        } else {
            Err(Code::WrongOrigin.into())
        }
    }

    /// A parameter of the query, which never carries a secret.
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A whole number in the query.
    pub fn query_number(&self, name: &str) -> Result<Option<u64>, Problem> {
        match self.query(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                Problem::new(Code::InvalidRequest).detail(format!("`{name}` is not a whole number"))
            }),
        }
    }

    /// A site named in the query.
    pub fn query_site(&self) -> Result<Option<Name>, Problem> {
        self.query("site").map(Name::new).transpose().map_err(|_| Code::UnknownSite.into())
    }

    fn media_type(&self) -> String {
        let header = self.header("Content-Type").unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    async fn body(&mut self) -> Result<Vec<u8>, Problem> {
        let announced = self.header("Content-Length").and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|length| length > MAX_BODY) {
            return Err(Code::TooLarge.into());
        }
        let bytes = self.request.bytes().await.map_err(|_| Problem::new(Code::InvalidRequest))?;
        if bytes.len() > MAX_BODY { Err(Code::TooLarge.into()) } else { Ok(bytes) }
    }

    /// The body as JSON; 415 where it says that it is something else. A form that carried the token counts as
    /// the JSON object of its other fields.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        if let Some(members) = self.form_members().filter(|_| self.form_tokens().next().is_some()) {
            return serde_json::from_value(Value::Object(members)).map_err(malformed);
        }
        if self.media_type() != "application/json" {
            return Err(Code::UnsupportedMediaType.into());
        }
        let body = self.body().await?;
        // serde would take a list for the members of a struct in their order.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::new(Code::InvalidRequest).detail("the body is not a JSON object"));
        }
        serde_json::from_slice(&body).map_err(malformed)
    }

    /// The body as JSON, or a default where there is none at all.
    pub async fn json_or_default<T: DeserializeOwned + Default>(&mut self) -> Result<T, Problem> {
        if self.form.is_some() || self.media_type() == "application/json" {
            return self.json().await;
        }
        if self.body().await?.is_empty() { Ok(T::default()) } else { Err(Code::UnsupportedMediaType.into()) }
    }

    /// The body as JSON or as a form (RFC 6749 §4.3.2).
    pub async fn json_or_form<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        if self.media_type() != FORM {
            return self.json().await;
        }
        let body = self.body().await?;
        serde_urlencoded::from_bytes(&body).map_err(malformed)
    }
}

/// What is wrong with a body. serde's messages name members and positions and may quote a value, so only
/// the kind of error that quotes none is passed on.
pub fn malformed(error: impl std::fmt::Display) -> Problem {
    let text = error.to_string();
    let safe = ["missing field", "unknown field", "EOF while parsing"];
    let problem = Problem::new(Code::InvalidRequest);
    if safe.iter().any(|start| text.starts_with(start)) { problem.detail(text) } else { problem }
}

/// A fault while talking to one of our own objects.
pub fn object_fault(error: worker::Error) -> Problem {
    fault("durable object", error)
}
