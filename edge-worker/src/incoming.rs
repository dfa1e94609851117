//! A request, with functions that parse its parts and check their size and format.

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

/// Maximum size of a request body, in bytes.
const MAX_BODY: usize = 16 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

pub struct Incoming {
    pub request: Request,
    pub url: Url,
    pub env: Env,
    pub deployment: Rc<Deployment>,
    /// The fields of the form, if the body was a form and has been read.
    form: Option<Vec<(String, String)>>,
}

/// The field in a form or query that contains a token (RFC 6750 §2.2, §2.3).
const TOKEN_FIELD: &str = "access_token";

impl Incoming {
    pub fn new(request: Request, url: Url, env: Env, deployment: Rc<Deployment>) -> Self {
        Self { request, url, env, deployment, form: None }
    }

    /// Reads the body of a POST request if it is a form. The form can contain the token in addition to the call's
    /// arguments.
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

    /// If the body is a form that contains the token: its other fields. Otherwise `None`.
    fn form_fields(&self) -> Option<Vec<(&str, &str)>> {
        self.form_tokens().next()?;
        let fields = self.form.iter().flatten().filter(|(name, _)| name != TOKEN_FIELD);
        Some(fields.map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }

    /// The value of a header; `None` if the header is absent or is not text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.request.headers().get(name).ok().flatten()
    }

    /// `scheme://host[:port]`, in the format of a browser's `Origin` header.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether the connection is safe from eavesdropping, because it uses TLS or loopback. On any other connection, a
    /// browser does not store our `Secure` cookies.
    pub fn is_private(&self) -> bool {
        self.url.scheme() == "https" || self.url.host_str().is_some_and(is_loopback)
    }

    /// Requires that a browser's request comes from a page of our own origin.
    pub fn require_own_origin(&self) -> Result<(), Problem> {
        if self.header("Origin").is_some_and(|origin| origin == self.origin()) {
            Ok(())
        } else {
            Err(Code::WrongOrigin.into())
        }
    }

    /// The first value of a query parameter. Tokens are read with [`Self::query_tokens`].
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub fn query_number(&self, name: &str) -> Result<Option<u64>, Problem> {
        match self.query(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                Problem::new(Code::InvalidRequest).detail(format!("`{name}` is not a whole number"))
            }),
        }
    }

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

    /// Parses the body as JSON. Returns 415 for another media type. If the body is a form that contains the token, its
    /// other fields are parsed as the members.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        if let Some(fields) = self.form_fields() {
            return from_fields(&fields);
        }
        if self.media_type() != "application/json" {
            return Err(Code::UnsupportedMediaType.into());
        }
        let body = self.body().await?;
        // Without this check, serde accepts a JSON array as a struct and takes the array's items as the members, in
        // order.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::new(Code::InvalidRequest).detail("the body is not a JSON object"));
        }
        serde_json::from_slice(&body).map_err(malformed)
    }

    /// An action's arguments: a JSON object or an empty body. A form has no types, so a field whose text is valid JSON
    /// is parsed as JSON (`ms=3000`, `value=true`). Any other field is a string.
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

/// Parses form fields as a struct. The types of the struct's members decide how a field is parsed: `device=7` is a
/// name.
fn from_fields<T: DeserializeOwned>(fields: &[(&str, &str)]) -> Result<T, Problem> {
    let text = serde_urlencoded::to_string(fields).map_err(malformed)?;
    serde_urlencoded::from_str(&text).map_err(malformed)
}

/// The problem for a malformed body. serde's messages contain member names and positions, and can quote a value from
/// the body. Only messages that quote no value are passed to the caller.
pub fn malformed(error: impl std::fmt::Display) -> Problem {
    let text = error.to_string();
    let safe = ["missing field", "unknown field", "EOF while parsing"];
    let problem = Problem::new(Code::InvalidRequest);
    if safe.iter().any(|start| text.starts_with(start)) { problem.detail(text) } else { problem }
}

/// Logs a failed call to one of our own Durable Objects and returns `internal`.
pub fn object_fault(error: worker::Error) -> Problem {
    fault("durable object", error)
}

#[cfg(test)]
mod tests {
    use pinlatch_protocol::admin::{InviteRequest, IssueRequest, TokenKind};
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
        let issue: IssueRequest = from_fields(&fields).unwrap();
        assert_eq!((issue.kind, issue.name.as_str(), issue.max_uses), (TokenKind::Api, "true", Some(3)));
        let invite: InviteRequest = from_fields(&[("username", "null"), ("role", "viewer")]).unwrap();
        assert_eq!((invite.username.as_str(), invite.rights.role), ("null", Some(Role::Viewer)));
        assert!(from_fields::<EnrolmentRequest>(&[("device", "7"), ("more", "1")]).is_err());
        assert!(from_fields::<EnrolmentRequest>(&[("device", "7"), ("device", "8")]).is_err());
    }
}
