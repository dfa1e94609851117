//! A request, and the careful reading of it.

use std::rc::Rc;

use pinlatch_protocol::loopback::is_loopback;
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

    /// The other fields of a form that brought the token.
    fn form_fields(&self) -> Option<Vec<(&str, &str)>> {
        self.form_tokens().next()?;
        let fields = self.form.iter().flatten().filter(|(name, _)| name != TOKEN_FIELD);
        Some(fields.map(|(name, value)| (name.as_str(), value.as_str())).collect())
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
        self.url.scheme() == "https" || self.url.host_str().is_some_and(is_loopback)
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

    /// The body as JSON; 415 where it says that it is something else. Of a form that carried the token, the
    /// other fields are the members.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        if let Some(fields) = self.form_fields() {
            return from_fields(&fields);
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

    /// An action's arguments: a JSON object, or no body at all. In a form nothing says of which type they are: what
    /// is JSON means that (`ms=3000`, `value=true`), and what is none is a text.
    pub async fn arguments(&mut self) -> Result<Map<String, Value>, Problem> {
        if let Some(fields) = self.form_fields() {
            let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            return Ok(fields.into_iter().map(|(name, text)| (name.to_owned(), value(text))).collect());
        }
        if self.form.is_some() || self.media_type() == "application/json" {
            return self.json().await;
        }
        if self.body().await?.is_empty() { Ok(Map::new()) } else { Err(Code::UnsupportedMediaType.into()) }
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

/// A struct of a form's fields, each read as what the struct has there: `device=7` is a name.
fn from_fields<T: DeserializeOwned>(fields: &[(&str, &str)]) -> Result<T, Problem> {
    let text = serde_urlencoded::to_string(fields).map_err(malformed)?;
    serde_urlencoded::from_str(&text).map_err(malformed)
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

#[cfg(test)]
mod tests {
    use pinlatch_protocol::admin::{InviteRequest, MintRequest, TokenKind};
    use pinlatch_protocol::api::EnrolmentRequest;
    use pinlatch_protocol::scope::Role;

    use super::*;

    #[test]
    fn the_fields_of_a_form_are_of_the_types_that_are_wanted() {
        let device: EnrolmentRequest = from_fields(&[("device", "7")]).unwrap();
        assert_eq!(device.device.as_str(), "7");
        let fields = [
            ("kind", "api"),
            ("name", "true"),
            ("scope", "site:audit"),
            ("expires_at", "9"),
            ("max_uses", "3"),
        ];
        let mint: MintRequest = from_fields(&fields).unwrap();
        assert_eq!((mint.kind, mint.name.as_str(), mint.max_uses), (TokenKind::Api, "true", Some(3)));
        let invite: InviteRequest = from_fields(&[("username", "null"), ("role", "viewer")]).unwrap();
        assert_eq!((invite.username.as_str(), invite.rights.role), ("null", Some(Role::Viewer)));
        assert!(from_fields::<EnrolmentRequest>(&[("device", "7"), ("more", "1")]).is_err());
        assert!(from_fields::<EnrolmentRequest>(&[("device", "7"), ("device", "8")]).is_err());
    }
}
