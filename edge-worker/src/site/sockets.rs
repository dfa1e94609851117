//! The WebSockets of a site's Durable Object. The identity of each WebSocket is stored in the attachment of the
//! WebSocket. The time of an agent's last frame is only in memory.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Function, Reflect};
use pinlatch_protocol::name::Name;
use pinlatch_site::{Credential, Links, Memory, Principal};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use worker::{State, WebSocket};

/// The tag of all panel WebSockets.
const PANELS: &str = "panels";

/// The verified data of a connected agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentSocket {
    pub device: Name,
    /// The nonce of the agent's connection.
    pub session: String,
    /// The `jti` of the agent's certificate.
    pub cert_jti: String,
    /// The expiry of the agent's certificate, in seconds of Unix time. If an older version opened the WebSocket, the
    /// value is `u64::MAX`, and the certificate cannot be renewed on the old WebSocket.
    #[serde(default = "never")]
    pub cert_exp: u64,
    /// The thumbprint of the agent's public key.
    pub thumbprint: String,
    /// Whether this agent must not replace another agent that is connected as the same device.
    #[serde(default)]
    pub yields: bool,
    /// The agent's public key as a JWK, in JSON. Only the upgrade needs the key, so it is not stored with the WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwk: Option<String>,
}

impl AgentSocket {
    /// Returns the certificate that the agent sent when it opened the WebSocket.
    pub fn credential(&self) -> Credential<'_> {
        let Self { cert_jti, cert_exp, thumbprint, jwk, .. } = self;
        Credential { jti: cert_jti, expires_at: *cert_exp, thumbprint, jwk: jwk.as_deref() }
    }
}

fn never() -> u64 {
    u64::MAX
}

/// The identity of a WebSocket. The identity is stored in the attachment of the WebSocket, which is preserved during
/// hibernation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attached {
    /// The WebSocket of a device's agent, and the time at which the WebSocket was opened.
    Agent { socket: AgentSocket, since_ms: u64 },
    /// The WebSocket of a panel, with an id that the edge generated.
    Panel { id: String, principal: Principal },
}

impl Attached {
    /// Returns the identity of an accepted WebSocket.
    pub fn of(socket: &WebSocket) -> Option<Self> {
        let text = socket.deserialize_attachment::<String>().ok().flatten()?;
        serde_json::from_str(&text).ok()
    }

    /// Accepts a WebSocket in a way that lets the Durable Object hibernate while the WebSocket is open. `counted`
    /// contains the tags by which the site counts the WebSockets of a panel's caller.
    pub fn accept(&self, state: &State, socket: &WebSocket, counted: &[String]) -> worker::Result<()> {
        let tag = match self {
            Self::Agent { socket, .. } => &socket.session,
            Self::Panel { id, .. } => id,
        };
        let kind = match self {
            Self::Agent { .. } => None,
            Self::Panel { .. } => Some(PANELS),
        };
        let tags: Vec<&str> =
            [tag.as_str()].into_iter().chain(kind).chain(counted.iter().map(String::as_str)).collect();
        state.accept_websocket_with_tags(socket, &tags);
        socket.serialize_attachment(serde_json::to_string(self)?)
    }
}

/// The open WebSockets of one Durable Object.
pub struct Sockets<'a> {
    pub state: &'a State,
    pub last_seen: &'a LastSeen,
    pub memory: &'a Memory,
}

/// The time of the last frame on each agent connection. Pings are not included, because the runtime answers pings and
/// records their time.
#[derive(Default)]
pub struct LastSeen(RefCell<HashMap<String, u64>>);

impl LastSeen {
    pub fn note(&self, session: &str, now_ms: u64) {
        self.0.borrow_mut().insert(session.to_owned(), now_ms);
    }

    /// Removes the connection of an agent whose WebSocket has closed.
    pub fn forget(&self, session: &str) {
        self.0.borrow_mut().remove(session);
    }

    fn last(&self, session: &str) -> Option<u64> {
        self.0.borrow().get(session).copied()
    }
}

impl Sockets<'_> {
    pub fn panels(&self) -> Vec<(WebSocket, String, Principal)> {
        let open = self.state.get_websockets_with_tag(PANELS).into_iter();
        open.filter_map(|socket| match Attached::of(&socket)? {
            Attached::Panel { id, principal } => Some((socket, id, principal)),
            Attached::Agent { .. } => None,
        })
        .collect()
    }

    /// Returns the open WebSocket with this tag. The tag is the id of a panel or the session nonce of an agent.
    pub fn tagged(&self, tag: &str) -> Option<WebSocket> {
        self.state.get_websockets_with_tag(tag).into_iter().find(is_open)
    }

    pub fn any_panel(&self) -> bool {
        self.state.get_websockets_with_tag(PANELS).iter().any(is_open)
    }
}

impl Links for Sockets<'_> {
    fn last_sign_of_life(&self, session: &str) -> Option<u64> {
        let socket = self.tagged(session)?;
        let Attached::Agent { since_ms, .. } = Attached::of(&socket)? else { return None };
        [self.last_seen.last(session), last_ping(self.state, &socket)]
            .into_iter()
            .flatten()
            .chain([since_ms])
            .max()
    }

    fn panels_with(&self, tag: &str) -> u32 {
        let open = self.state.get_websockets_with_tag(tag).iter().filter(|socket| is_open(socket)).count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    fn memory(&self) -> &Memory {
        self.memory
    }
}

/// Returns whether a WebSocket is open. The runtime also lists WebSockets that are closing.
fn is_open(socket: &WebSocket) -> bool {
    socket.as_ref().ready_state() == 1
}

/// Returns the time at which the runtime last answered a ping automatically. The crate `worker` has no wrapper for
/// `getWebSocketAutoResponseTimestamp`.
fn last_ping(state: &State, socket: &WebSocket) -> Option<u64> {
    let object: &JsValue = state.as_raw().as_ref();
    let method = Reflect::get(object, &"getWebSocketAutoResponseTimestamp".into()).ok()?;
    let date = method.dyn_into::<Function>().ok()?.call1(object, socket.as_ref()).ok()?;
    Some(date.dyn_into::<js_sys::Date>().ok()?.get_time() as u64)
}
