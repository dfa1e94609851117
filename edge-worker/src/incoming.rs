//! Defines a received HTTP request, with functions that parse the parts of the request and check their size and format.

use std::rc::Rc;

use pinlatch_protocol::MAX_BODY;
use pinlatch_protocol::api::{SITE_HEADER, SITE_PARAMETER, SUBJECT_HEADER, SUBJECT_PARAMETER};
use pinlatch_protocol::loopback::is_loopback;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;
use wasm_bindgen::JsValue;
use worker::{Env, Method, Request};

use crate::body::{self, BodyError};
use crate::config::Deployment;
use crate::respond::fault;

const FORM: &str = "application/x-www-form-urlencoded";

pub struct Incoming {
    pub request: Request,
    pub url: Url,
    pub env: Env,
    pub deployment: Rc<Deployment>,
    /// The fields of the submitted form. The value is `None` if the body is not a form or has not been read.
    form: Option<Vec<(String, String)>>,
}

/// The name of the form field or query parameter that contains a token (RFC 6750 §2.2, §2.3).
const TOKEN_FIELD: &str = "access_token";

impl Incoming {
    pub fn new(request: Request, url: Url, env: Env, deployment: Rc<Deployment>) -> Self {
        Self { request, url, env, deployment, form: None }
    }

    /// Reads the body of a POST request if the body is a form. A form can contain the token in addition to the
    /// arguments of the call.
    pub async fn read_form(&mut self) -> Result<(), Problem> {
        if self.request.method() == Method::Post && self.media_type() == FORM {
            let body = self.body().await?;
            self.form = Some(serde_urlencoded::from_bytes(&body).map_err(malformed)?);
        }
        Ok(())
    }

    /// Returns the tokens in the submitted form (RFC 6750 §2.2).
    pub fn form_tokens(&self) -> impl Iterator<Item = &str> {
        let fields = self.form.iter().flatten();
        fields.filter(|(name, _)| name == TOKEN_FIELD).map(|(_, value)| value.as_str())
    }

    /// Returns the tokens in the query of the URL (RFC 6750 §2.3).
    pub fn query_tokens(&self) -> Vec<String> {
        let pairs = self.url.query_pairs().filter(|(name, _)| name == TOKEN_FIELD);
        pairs.map(|(_, value)| value.into_owned()).collect()
    }

    /// Returns all form fields except the token, if the body is a form that contains a token. If the body is not a form
    /// with a token, this function returns `None`.
    fn form_fields(&self) -> Option<Vec<(&str, &str)>> {
        self.form_tokens().next()?;
        let fields = self.form.iter().flatten().filter(|(name, _)| name != TOKEN_FIELD);
        Some(fields.map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }

    /// Returns the value of a header, or `None` if the header is absent or is not text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.request.headers().get(name).ok().flatten()
    }

    /// Returns the network of the client, by which failed logins and new sealed tokens are limited. The result is empty
    /// if it is unknown.
    pub fn client_address(&self) -> String {
        // workerd reports the other end of the connection in `request.cf`. The crate `worker` does not read this
        // member.
        let member = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
        let cf = member(self.request.inner(), "cf").filter(JsValue::is_object);
        let peer = cf.and_then(|cf| member(&cf, "clientIp")?.as_string());
        self.deployment.client_address.of(peer.as_deref(), |name| self.header(name))
    }

    /// Returns the origin of this deployment as `scheme://host[:port]`, which is the format of a browser's `Origin`
    /// header.
    pub fn origin(&self) -> String {
        self.deployment.origins.of(&self.url)
    }

    /// Requires that TLS or the loopback interface protects the connection from eavesdropping. A request that contains
    /// a password or a one-time code needs a protected connection, unless the owner has allowed plain HTTP. Over an
    /// unprotected connection, a browser does not store cookies with the attribute `Secure`. Behind a proxy, the scheme
    /// of the URL is the scheme that the proxy reports.
    pub fn require_private(&self) -> Result<(), Problem> {
        let is_private = self.url.scheme() == "https" || self.url.host_str().is_some_and(is_loopback);
        if is_private || self.deployment.allow_plaintext {
            Ok(())
        } else {
            Err(Code::PlaintextRefused.into())
        }
    }

    /// Requires that a browser's request comes from a page of this deployment.
    pub fn require_own_origin(&self) -> Result<(), Problem> {
        if self.header("Origin").is_some_and(|page| self.deployment.origins.accepts(&self.url, &page)) {
            Ok(())
        } else {
            Err(Code::WrongOrigin.into())
        }
    }

    /// Refuses a request from a page of another origin. A program sends no `Origin` header. A browser adds the header
    /// to every `POST` request, so a page of another origin cannot try passwords or codes from its visitor's address.
    pub fn refuse_foreign_page(&self) -> Result<(), Problem> {
        if self.header("Origin").is_some() { self.require_own_origin() } else { Ok(()) }
    }

    /// Returns the first value of a query parameter. To read a token, the caller must use
    /// [`Self::query_tokens`].
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
        self.query(SITE_PARAMETER).map(Name::new).transpose().map_err(|_| Code::UnknownSite.into())
    }

    /// Returns the site that the page of a request was drawn for, if the request names the site.
    pub fn page_site(&self) -> Result<Option<Name>, Problem> {
        let named = self.page_header(SITE_HEADER, SITE_PARAMETER);
        named.map(Name::new).transpose().map_err(|_| Code::UnknownSite.into())
    }

    /// Returns the subject that the page of a request was drawn for, if the request names the subject.
    pub fn page_subject(&self) -> Option<String> {
        self.page_header(SUBJECT_HEADER, SUBJECT_PARAMETER)
    }

    /// Returns the value of a header. A `GET` request can have a query parameter instead, because a page cannot set the
    /// headers of a WebSocket upgrade.
    fn page_header(&self, header: &str, parameter: &str) -> Option<String> {
        let in_query = || self.query(parameter).filter(|_| self.request.method() == Method::Get);
        self.header(header).or_else(in_query)
    }

    /// Returns the site whose cookies count for a request: the site that the request names, or the first site.
    pub fn cookie_site(&self) -> Result<&Name, Problem> {
        self.deployment.site(self.page_site()?.as_ref())
    }

    /// Requires that a request with a cookie comes from a page of this deployment, and names the site that the page was
    /// drawn for. Without the site, a page of one site could change another site.
    pub fn require_own_page(&self) -> Result<(), Problem> {
        self.require_own_origin()?;
        match self.page_site()? {
            Some(_) => Ok(()),
            None => Err(Problem::new(Code::InvalidRequest).detail(format!(
                "a request with a cookie needs the header `{SITE_HEADER}` with the name of the site"
            ))),
        }
    }

    /// Requires that the site and the subject of a token are the site and the subject that the request names.
    pub fn require_login_of_page(&self, site: &Name, subject: &str) -> Result<(), Problem> {
        let is_site = self.page_site()?.is_none_or(|named| named == *site);
        let is_subject = self.page_subject().is_none_or(|named| named == subject);
        let text = match (is_site, is_subject) {
            (true, true) => return Ok(()),
            (false, _) => "the token is for another site than the request names",
            (true, false) => "another person has logged in since the page was opened; reload the page",
        };
        Err(Problem::new(Code::OtherLogin).detail(text))
    }

    fn media_type(&self) -> String {
        let header = self.header("Content-Type").unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    async fn body(&mut self) -> Result<Vec<u8>, Problem> {
        if self.request.inner().body().is_none() {
            return Ok(Vec::new());
        }
        let stream = self.request.stream();
        body::read(self.request.headers(), stream, MAX_BODY).await.map_err(|error| match error {
            BodyError::TooLarge => Code::TooLarge.into(),
            BodyError::Broken(_) => {
                Problem::new(Code::InvalidRequest).detail("the body was not received completely")
            }
        })
    }

    /// Parses the body as JSON. If the media type of the body is neither JSON nor a form with a token, this function
    /// returns 415. If the body is a form that contains a token, the other form fields are parsed as the members of the
    /// result.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        if let Some(fields) = self.form_fields() {
            return from_fields(&fields);
        }
        if self.media_type() != "application/json" {
            return Err(Code::UnsupportedMediaType.into());
        }
        let body = self.body().await?;
        // Without the check for `{`, serde accepts a JSON array as a struct, and assigns the items of the array to the
        // members of the struct in order.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::new(Code::InvalidRequest).detail("the body is not a JSON object"));
        }
        serde_json::from_slice(&body).map_err(malformed)
    }

    /// Returns the arguments of an action from a JSON object, a form or an empty body. The fields of a form have no
    /// types, so a field whose text is valid JSON is parsed as JSON (`ms=3000`, `value=true`). A form field whose text
    /// is not valid JSON becomes a string.
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

    /// Parses the body as JSON or as a form (RFC 6749 §4.3.2).
    pub async fn json_or_form<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        if self.media_type() != FORM {
            return self.json().await;
        }
        let body = self.body().await?;
        serde_urlencoded::from_bytes(&body).map_err(malformed)
    }
}

/// Parses form fields as a struct. The type of a struct member determines how its form field is parsed. For example,
/// the value in `device=7` becomes a name and not a number.
fn from_fields<T: DeserializeOwned>(fields: &[(&str, &str)]) -> Result<T, Problem> {
    let text = serde_urlencoded::to_string(fields).map_err(malformed)?;
    serde_urlencoded::from_str(&text).map_err(malformed)
}

/// Returns the problem for a malformed body. An error message of serde contains member names and positions, and can
/// quote a value from the body. The caller receives only error messages that quote no value.
pub fn malformed(error: impl std::fmt::Display) -> Problem {
    let text = error.to_string();
    let safe = ["missing field", "unknown field", "EOF while parsing"];
    let problem = Problem::new(Code::InvalidRequest);
    if safe.iter().any(|start| text.starts_with(start)) { problem.detail(text) } else { problem }
}

/// Logs a failed call to a Durable Object of this deployment, and returns the problem `internal`.
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
