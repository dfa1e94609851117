//! Handles WebSocket upgrade requests. This module verifies the token, and then passes the WebSocket upgrade to the
//! site's Durable Object.

use pinlatch_protocol::SUBPROTOCOL;
use pinlatch_protocol::agent::{CHALLENGE_SCHEME, PROOF_HEADER, YIELD_HEADER};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_token::device::DeviceCert;

use crate::auth;
use crate::clock::now_s;
use crate::incoming::Incoming;
use crate::objects::upgrade;
use crate::respond::{self, HandlerResult};
use crate::site::AgentSocket;

/// Handles `GET /api/v1/events`, which opens the WebSocket for the live events of a panel.
pub async fn panel(incoming: Incoming) -> HandlerResult {
    let (principal, carrier) = auth::principal(&incoming).await?;
    // The same-origin policy of browsers does not apply to WebSockets. The browser sends the origin of the web page,
    // and the server must check the origin of the web page.
    if carrier.is_ambient() {
        incoming.require_own_page()?;
    }
    require_upgrade(&incoming)?;
    upgrade(&incoming.env, &principal.site, "panel", &principal).await
}

/// Handles `GET /api/v1/agent`, which opens the WebSocket of a device's agent. If the request contains no proof, the
/// response contains a challenge.
pub async fn agent(incoming: Incoming) -> HandlerResult {
    let (Some(token), Some(proof)) = (auth::bearer(&incoming)?, incoming.header(PROOF_HEADER)) else {
        return challenge(&incoming);
    };
    require_upgrade(&incoming)?;
    let deployment = &incoming.deployment;
    let now = now_s();
    // The Worker also accepts a certificate that a retired edge key signed, because the site checks the certificate's
    // id and the device's key.
    let keys = deployment.keys.for_devices();
    let cert = DeviceCert::verify(&token, keys, deployment.sites(), now).map_err(auth::refused)?;
    let session = cert.verify_proof(&proof, &deployment.keys, now).map_err(auth::refused)?;
    let socket = AgentSocket {
        device: cert.device,
        session,
        cert_jti: cert.jti,
        cert_exp: cert.exp,
        thumbprint: cert.key.thumbprint().to_owned(),
        jwk: Some(cert.key.to_jwk().to_string()),
        yields: incoming.header(YIELD_HEADER).is_some_and(|value| value == "?1"),
    };
    upgrade(&incoming.env, &cert.site, "agent", &socket).await
}

fn challenge(incoming: &Incoming) -> HandlerResult {
    let challenge = incoming.deployment.keys.issue_challenge(now_s());
    let value = format!("{CHALLENGE_SCHEME} challenge=\"{challenge}\"");
    respond::problem_with(Code::InvalidToken, "WWW-Authenticate", &value)
}

fn require_upgrade(incoming: &Incoming) -> Result<(), Problem> {
    let upgrade = incoming.header("Upgrade").unwrap_or_default();
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(Code::UpgradeRequired.into());
    }
    let offered = incoming.header("Sec-WebSocket-Protocol").unwrap_or_default();
    if offered.split(',').any(|one| one.trim() == SUBPROTOCOL) {
        Ok(())
    } else {
        Err(Problem::new(Code::InvalidRequest).detail(format!("offer the subprotocol {SUBPROTOCOL}")))
    }
}
