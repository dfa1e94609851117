//! Opens an authenticated WebSocket to the edge. The agent proves the device's identity with a signed answer to a
//! challenge of the edge.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use pinlatch_protocol::agent::{CHALLENGE_SCHEME, PROOF_HEADER, YIELD_HEADER};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::Problem;
use pinlatch_protocol::{MAX_FRAME, SUBPROTOCOL};
use pinlatch_token::{device, random_id};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::clock::boot_ms;
use crate::credentials::Credentials;
use crate::uplink::connect_error::{HttpError, is_gateway};
use crate::uplink::http::{self, BoxStream, Connection, Connector};
use crate::uplink::link_error::{LinkError, excerpt};
use crate::uplink::tls::Validity;

/// An authenticated WebSocket to the edge.
pub struct Link {
    pub socket: WebSocketStream<BoxStream>,
    /// The nonce that the agent has generated for this connection.
    pub session: String,
    /// The time at which the agent sent the signed proof, in milliseconds since boot. The edge signs the welcome token
    /// after this time.
    pub sent_ms: u64,
    /// The validity period of the edge's TLS certificate. The value is `None` without TLS, or if the certificate could
    /// not be parsed.
    pub validity: Option<Validity>,
}

/// Connects to the edge and proves this device's identity. If `yields` is true, the new connection does not replace the
/// connection of another agent.
pub async fn connect(
    credentials: &Credentials,
    connector: &Connector<'_>,
    yields: bool,
) -> Result<Link, LinkError> {
    let mut connection = Connection::open(connector).await?;
    let challenge = challenged(&mut connection).await?;
    let mut proof = Proof::of(credentials, &challenge)?;
    let answer = match connection.send(proof.request(credentials, yields)?).await {
        // The connection ended before the edge's answer to the proof arrived. The edge has possibly received the proof,
        // and would refuse the same proof a second time. The agent therefore requests a new challenge and sends a new
        // proof, each on a new connection. If the edge refuses the new proof, the edge does not accept this device.
        Err(HttpError::Http(error)) if !error.is_timeout() => {
            tracing::debug!(%error, "the edge did not answer the signed proof; the agent sends a new proof on a new connection");
            let challenge = challenged(&mut Connection::open(connector).await?).await?;
            connection = Connection::open(connector).await?;
            proof = Proof::of(credentials, &challenge)?;
            connection.send(proof.request(credentials, yields)?).await?
        }
        answer => answer?,
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(answer).await);
    }
    check_upgrade(answer.headers(), &proof.key)?;
    let validity = connection.validity();
    let upgraded = hyper::upgrade::on(answer).await.map_err(HttpError::Http)?;
    // The WebSocket uses the stream inside hyper's wrapper, so that frames do not pass through an additional layer.
    let parts = upgraded
        .downcast::<TokioIo<BoxStream>>()
        .map_err(|_| LinkError::Handshake("internal error: unexpected type of the upgraded connection"))?;
    let limits = WebSocketConfig::default()
        .read_buffer_size(MAX_FRAME)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let socket = WebSocketStream::from_partially_read(
        parts.io.into_inner(),
        parts.read_buf.into(),
        Role::Client,
        Some(limits),
    );
    Ok(Link { socket: socket.await, session: proof.session, sent_ms: proof.sent_ms, validity })
}

/// Sends an upgrade request without credentials. Returns the challenge from the edge's answer.
async fn challenged(connection: &mut Connection) -> Result<String, LinkError> {
    let answer = connection.send(upgrade_request(&generate_key())?).await?;
    let Some(challenge) = challenge(answer.headers()).filter(|_| answer.status() == StatusCode::UNAUTHORIZED)
    else {
        return Err(refused(answer).await);
    };
    // The connection can send a second request only after the whole body of the first answer was read.
    http::body(answer).await?;
    Ok(challenge)
}

/// The agent's signed answer to one challenge of the edge.
struct Proof {
    jwt: String,
    session: String,
    key: String,
    sent_ms: u64,
}

impl Proof {
    /// Signs a proof for a challenge. The caller must send the proof immediately, because `sent_ms` is set to the time
    /// of this call.
    fn of(credentials: &Credentials, challenge: &str) -> Result<Self, LinkError> {
        let session = random_id();
        let (own, site, device) = (&credentials.key, &credentials.site, &credentials.device);
        let jwt = device::sign_proof(own, site, device, challenge, &session).map_err(LinkError::Untrusted)?;
        Ok(Self { jwt, session, key: generate_key(), sent_ms: boot_ms() })
    }

    fn request(&self, credentials: &Credentials, yields: bool) -> Result<Request<Full<Bytes>>, LinkError> {
        let mut request = upgrade_request(&self.key)?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", credentials.devcert.expose()))?);
        headers.insert(PROOF_HEADER, secret(&self.jwt)?);
        if yields {
            headers.insert(YIELD_HEADER, HeaderValue::from_static("?1"));
        }
        Ok(request)
    }
}

fn upgrade_request(key: &str) -> Result<Request<Full<Bytes>>, HttpError> {
    Ok(Request::builder()
        .method(Method::GET)
        .uri(Endpoint::Agent.path())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .body(Full::default())?)
}

/// Returns a header value that hyper does not log.
fn secret(text: &str) -> Result<HeaderValue, LinkError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        LinkError::Handshake(
            "the credentials contain characters that HTTP headers do not allow: enrol this device again",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Finds the edge's challenge in the `WWW-Authenticate` headers.
fn challenge(headers: &HeaderMap) -> Option<String> {
    headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| {
        let (scheme, parameters) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case(CHALLENGE_SCHEME) {
            return None;
        }
        let challenge = parameters.trim().strip_prefix("challenge=\"")?;
        challenge.split_once('"').map(|(challenge, _)| challenge.to_owned())
    })
}

/// Checks the edge's answer to a WebSocket upgrade request (RFC 6455 §4.1).
fn check_upgrade(headers: &HeaderMap, key: &str) -> Result<(), LinkError> {
    let is = |name, expected: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.eq_ignore_ascii_case(expected))
    };
    if !is(UPGRADE, "websocket")
        || headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| *value != derive_accept_key(key.as_bytes()))
    {
        return Err(LinkError::Handshake("the edge's answer is not a valid WebSocket upgrade"));
    }
    if !is(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(LinkError::Handshake(
            "the edge uses another WebSocket subprotocol: update the agent or the edge",
        ));
    }
    Ok(())
}

/// Converts an unexpected HTTP answer into an error. The edge describes each of its errors in a problem document (RFC
/// 9457).
async fn refused(answer: Response<Incoming>) -> LinkError {
    let status = answer.status();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let problem = http::body(answer).await.ok();
    let problem = problem.and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
    match problem {
        Some(problem) => LinkError::Refused { status, code: excerpt(&problem.code), retry_after },
        None if is_gateway(status) => LinkError::Gateway(status),
        // A reverse proxy in front of the edge can also send status 429 or a 5xx status, but without a problem
        // document.
        None if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            LinkError::Refused { status, code: "unknown".into(), retry_after }
        }
        None => LinkError::NotTheEdge(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_found_among_other_schemes() {
        let mut headers = HeaderMap::new();
        assert_eq!(challenge(&headers), None);
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        headers
            .append(WWW_AUTHENTICATE, HeaderValue::from_static("pinlatch challenge=\"a-_b\", realm=\"x\""));
        assert_eq!(challenge(&headers).as_deref(), Some("a-_b"));
        let mut odd = HeaderMap::new();
        odd.append(WWW_AUTHENTICATE, HeaderValue::from_static("Pinlatch challenge=\"never ends"));
        assert_eq!(challenge(&odd), None);
    }

    #[test]
    fn foreign_words_are_cut_for_the_log() {
        assert_eq!(excerpt("a\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(excerpt(&"x".repeat(999)).len(), 64);
    }
}
