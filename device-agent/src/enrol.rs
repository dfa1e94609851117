//! Enrols this device, which means that the agent exchanges a one-time code for credentials.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use pinlatch_protocol::api::{EnrolReply, EnrolRequest, Secret};
use pinlatch_protocol::endpoint;
use pinlatch_protocol::problem::Problem;
use pinlatch_token::{KeyError, PublicKey, Refusal, SigningKey, keyset, random_id, welcome};
use tokio_rustls::TlsConnector;

use crate::config::OwnerConfig;
use crate::credentials::{Credentials, CredentialsError};
use crate::uplink::connect_error::HttpError;
use crate::uplink::dial::Resolver;
use crate::uplink::http::{self, Connection, Connector, Endpoint, EndpointError};
use crate::uplink::link_error::excerpt;
use crate::uplink::proxy::Proxy;

/// The reason for a failed enrolment. After a failed enrolment, no new credentials are stored.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(
        "invalid enrolment string: expected https://HOST/#CODE.THUMBPRINT, as printed by `pinlatch device enrol`"
    )]
    Form,
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the edge refused the enrolment with {status}: {title} ({code})")]
    Refused {
        status: StatusCode,
        /// The error code in the edge's problem document (RFC 9457).
        code: String,
        /// The title in the edge's problem document (RFC 9457).
        title: String,
    },
    #[error("the answer is not from a Pinlatch edge: check the URL in the enrolment string")]
    Answer,
    /// The root key in the edge's answer does not match the thumbprint in the enrolment string.
    #[error(
        "the edge's root key does not match the enrolment string: do not trust this edge, and check who created the enrolment string"
    )]
    OtherRoot,
    #[error("the edge's root key is invalid: {0}")]
    Key(#[from] KeyError),
    #[error("a signed message of the edge was rejected: {0}")]
    Untrusted(#[from] Refusal),
    /// The edge's key set is older than the key set that this device has stored.
    #[error(
        "the edge sent key set {found}, but this device has already received the newer key set {known}: check whether the edge has old secrets"
    )]
    OldKeySet {
        /// The number of the received key set.
        found: u64,
        /// The number of the stored key set.
        known: u64,
    },
    /// The root key in the enrolment string is not the one in the table `[owner]` of the configuration file.
    #[error(
        "the enrolment string is for another root key than `root` in the table [owner] of the configuration file: get an enrolment string from the owner whose key the file names, or correct the file"
    )]
    OwnersRoot,
    /// The time of the edge's clock is outside the validity period of the edge's TLS certificate.
    #[error(
        "the edge's TLS certificate has expired or is not valid yet, according to the edge's clock: check the dates of the certificate and the edge's clock"
    )]
    CertificateDate,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// The enrolment string `https://HOST[:PORT]/#CODE.ROOT_THUMBPRINT`. The part `CODE` can contain dots.
#[derive(Clone)]
pub struct EnrolString {
    edge: String,
    code: Secret,
    thumbprint: String,
}

impl FromStr for EnrolString {
    type Err = EnrolError;

    fn from_str(text: &str) -> Result<Self, EnrolError> {
        let (edge, fragment) = text.trim().split_once('#').ok_or(EnrolError::Form)?;
        let (code, thumbprint) = fragment.rsplit_once('.').ok_or(EnrolError::Form)?;
        if code.is_empty() || thumbprint.is_empty() {
            return Err(EnrolError::Form);
        }
        Ok(Self { edge: edge.into(), code: Secret::new(code), thumbprint: thumbprint.into() })
    }
}

impl fmt::Debug for EnrolString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolString({}#…)", self.edge)
    }
}

#[derive(Debug, Clone)]
pub struct Options {
    pub state_dir: PathBuf,
    /// Is true if unencrypted HTTP to other machines is allowed.
    pub allow_plaintext: bool,
    pub proxy: Option<Proxy>,
    /// The owner and the device that the configuration file names.
    pub owner: Option<OwnerConfig>,
}

/// Enrols this device and stores the new credentials. Existing credentials are replaced only if the enrolment succeeds.
pub async fn enrol(
    string: &EnrolString,
    options: &Options,
    tls: &TlsConnector,
) -> Result<Credentials, EnrolError> {
    let Options { state_dir, allow_plaintext, proxy, owner } = options;
    // A wrong root key is refused before the enrolment string is used up.
    if owner.as_ref().is_some_and(|owner| owner.root != string.thumbprint) {
        return Err(EnrolError::OwnersRoot);
    }
    let endpoint = Endpoint::parse(&string.edge, *allow_plaintext)?;
    let key = SigningKey::generate();
    let nonce = random_id();
    let request = EnrolRequest { code: string.code.clone(), jwk: key.public_jwk(), nonce: nonce.clone() };
    let connector =
        Connector { endpoint: &endpoint, proxy: proxy.as_ref(), tls, resolver: &Resolver::default() };
    let mut connection = Connection::open(&connector).await?;
    let reply = post(&mut connection, &request).await?;

    let root = PublicKey::from_jwk(&reply.root_key)?;
    if root.thumbprint() != string.thumbprint {
        return Err(EnrolError::OtherRoot);
    }
    let set = keyset::verify(&reply.keyset, &root)?;
    let known = known_number(state_dir, &root);
    if let Some(known) = known.filter(|known| *known > set.number) {
        return Err(EnrolError::OldKeySet { found: set.number, known });
    }
    let time = welcome::verify(&reply.welcome, &set.keys, &nonce, &reply.site)?;
    if connection.validity().is_some_and(|validity| !validity.admits(time.now_ms)) {
        return Err(EnrolError::CertificateDate);
    }
    let credentials = Credentials {
        site: reply.site,
        device: reply.device,
        edge: endpoint.url(),
        key,
        devcert: reply.devcert,
        root,
        keyset: reply.keyset,
    };
    if let Some(owner) = owner {
        owner.check(&credentials)?;
    }
    credentials.store(state_dir)?;
    Ok(credentials)
}

/// Returns the number of the stored key set if the stored credentials contain the same root key.
fn known_number(state_dir: &Path, root: &PublicKey) -> Option<u64> {
    let stored = Credentials::load(state_dir).ok()?;
    let same_owner = stored.root.thumbprint() == root.thumbprint();
    stored.key_set().ok().filter(|_| same_owner).map(|set| set.number)
}

async fn post(connection: &mut Connection, request: &EnrolRequest) -> Result<EnrolReply, EnrolError> {
    let json = serde_json::to_vec(request).map_err(|_| EnrolError::Answer)?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(endpoint::Endpoint::Enrol.path())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(json))
        .map_err(HttpError::from)?;
    let answer = connection.send(request).await?;
    let status = answer.status();
    let body = http::body(answer).await?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| EnrolError::Answer);
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            Err(EnrolError::Refused { status, code: excerpt(&problem.code), title: excerpt(&problem.title) })
        }
        Err(_) => {
            Err(EnrolError::Refused { status, code: "unknown".into(), title: "no reason given".into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_splits_at_the_last_dot() {
        let string: EnrolString = "https://pin.example:8443/#a.b.c.THUMB\n".parse().unwrap();
        assert_eq!(string.edge, "https://pin.example:8443/");
        assert_eq!((string.code.expose(), string.thumbprint.as_str()), ("a.b.c", "THUMB"));
        assert!(!format!("{string:?}").contains("a.b"), "the code is a secret");
        for text in
            ["", "https://x/", "https://x/#", "https://x/#code", "https://x/#code.", "https://x/#.thumb"]
        {
            assert!(matches!(text.parse::<EnrolString>(), Err(EnrolError::Form)), "{text}");
        }
    }
}
