//! Verifies the welcome message, which is the first frame of a connection. The welcome message contains the keys that
//! the agent must trust and the current edge time.

use std::time::Duration;

use futures_util::StreamExt;
use pinlatch_protocol::agent::ToAgent;
use pinlatch_token::{KeySet, keyset, welcome};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use crate::clock::{EdgeClock, boot_ms};
use crate::credentials::Credentials;
use crate::uplink::handshake::Link;
use crate::uplink::http::BoxStream;
use crate::uplink::link_error::LinkError;

/// The timeout for the welcome message after the WebSocket upgrade.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The results of a verified welcome message.
pub struct Trust {
    /// The keys whose signatures the agent accepts on this connection.
    pub keys: KeySet,
    pub clock: EdgeClock,
}

/// Waits for the welcome message and verifies the message. The pinned root key must have signed the key set. A key in
/// the key set must have signed the edge time together with the nonce of this connection. The edge time must be within
/// the validity period of the edge's TLS certificate. A newer key set becomes part of the credentials.
pub async fn wait(link: &mut Link, credentials: &mut Credentials) -> Result<Trust, LinkError> {
    let first = timeout(TIMEOUT, first_text(&mut link.socket));
    let first = first.await.map_err(|_| LinkError::Timeout("the edge's welcome message"))??;
    let received_ms = boot_ms();
    let Ok(ToAgent::Welcome { jwt, keyset }) = serde_json::from_str(&first) else {
        return Err(LinkError::Protocol("the first frame from the edge is not a `welcome` frame"));
    };
    let known = credentials.key_set().map_err(LinkError::Untrusted)?.number;
    let set = keyset::verify(&keyset, &credentials.root).map_err(LinkError::Untrusted)?;
    if set.number < known {
        return Err(LinkError::OldKeySet { found: set.number, known });
    }
    let welcome =
        welcome::verify(&jwt, &set.keys, &link.session, &credentials.site).map_err(LinkError::Untrusted)?;
    if link.validity.is_some_and(|validity| !validity.admits(welcome.now_ms)) {
        return Err(LinkError::CertificateDate);
    }
    if keyset != credentials.keyset {
        credentials.keyset = keyset;
        tracing::info!(number = set.number, "the edge's keys have changed");
    }
    Ok(Trust { keys: set.keys, clock: EdgeClock::new(welcome.now_ms, link.sent_ms, received_ms) })
}

async fn first_text(socket: &mut WebSocketStream<BoxStream>) -> Result<String, LinkError> {
    loop {
        match socket.next().await.ok_or(SocketError::ConnectionClosed)?? {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Close(frame) => return Err(LinkError::closed(frame)),
            Message::Binary(_) => {
                return Err(LinkError::Protocol("the first frame from the edge is not a `welcome` frame"));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
