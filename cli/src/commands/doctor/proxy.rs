//! Checks, by trying, what the proxies between this machine and the edge do to requests and WebSockets.

use std::time::Duration;

use anyhow::Result;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::Code;
use serde_json::json;
use url::Url;

use super::check::Check;
use crate::edge::address::is_same_origin;
use crate::edge::api::{Api, is_local};
use crate::edge::session;
use crate::edge::socket::{Socket, probe_upgrade};

const NAME: &str = "proxy";

/// The maximum time until the first message of a WebSocket arrives.
const FIRST: Duration = Duration::from_secs(10);

/// Runs all checks. The checks of an open WebSocket need a login to this deployment.
pub fn check(url: &Url) -> Result<Vec<Check>> {
    let api = Api::new(url)?;
    let mut checks: Vec<Check> =
        [scheme(&api, url), upgrade(url), socket(url)].into_iter().flatten().collect();
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "logins and WebSockets reach the edge unchanged"));
    }
    Ok(checks)
}

/// Sends an invalid refresh token, which the edge refuses without counting a failed login. The edge refuses the request
/// earlier if it takes the connection for plain HTTP, or if the URL is not one of its origins.
fn scheme(api: &Api, url: &Url) -> Option<Check> {
    let origin = url.origin().ascii_serialization();
    let body = json!({ "grant_type": "refresh_token", "refresh_token": "doctor" });
    let answer = match api.probe_with(&Endpoint::LogIn, &[("Origin", &origin)], &body) {
        Ok(answer) => answer,
        Err(error) => return Some(Check::failed(NAME, format!("{error:#}"), "try again")),
    };
    let code = answer.problem()?.code;
    if code == Code::PlaintextRefused.as_str() {
        let detail = "the edge takes this connection for plain HTTP, so it refuses all logins";
        let advice = "let the proxy set `X-Forwarded-Proto` to the scheme of the client, and let workerd listen on loopback; docs/self-hosting.md shows the configuration";
        return Some(Check::failed(NAME, detail, advice).coded("proxy_scheme"));
    }
    if code == Code::WrongOrigin.as_str() {
        let detail = format!("{origin} is not an origin of the edge, so browsers cannot log in at this URL");
        let advice = "add the URL to the edge's variable ORIGIN; if ORIGIN is not set, let the proxy pass on the `Host` header";
        return Some(Check::failed(NAME, detail, advice).coded("proxy_origin"));
    }
    None
}

/// Sends a WebSocket upgrade with an invalid certificate. The edge refuses the certificate only if the upgrade arrives.
fn upgrade(url: &Url) -> Option<Check> {
    match probe_upgrade(url) {
        Ok(401) => None,
        Ok(status) => {
            let detail = format!("a WebSocket upgrade got status {status}; the expected status is 401");
            let advice = "let the proxy pass on the headers `Upgrade` and `Connection` with HTTP/1.1";
            Some(Check::failed(NAME, detail, advice).coded("proxy_upgrade"))
        }
        Err(error) => {
            let advice = "check whether a proxy blocks WebSockets";
            Some(
                Check::failed(NAME, format!("a WebSocket upgrade failed: {error:#}"), advice)
                    .coded("proxy_upgrade"),
            )
        }
    }
}

/// Opens the WebSocket for live events, if this machine is logged in to the deployment.
fn socket(url: &Url) -> Option<Check> {
    let own = session::logged_in_at().ok().flatten()?;
    if !is_same_origin(&own, url) {
        return None;
    }
    let session = session::current().ok()?;
    let failed = |detail: String, advice: &str, code| Some(Check::failed(NAME, detail, advice).coded(code));
    // If the WebSocket cannot be opened, the check of the upgrade reports the reason.
    let mut socket = Socket::open(&session).ok()?.ok()?;
    if let Err(end) = socket.read_within(FIRST) {
        let advice = "switch off the proxy's buffering of responses for this site";
        return failed(format!("an open WebSocket received no message: {end}"), advice, "proxy_buffers");
    }
    // A server on this machine has no proxy that could close idle connections.
    if !is_local(url)
        && let Err(end) = socket.survives_a_pause()
    {
        let advice = "let the proxy keep idle connections open for at least 60 s";
        return failed(
            format!("an idle WebSocket was closed before the next ping: {end}"),
            advice,
            "proxy_idle",
        );
    }
    None
}
