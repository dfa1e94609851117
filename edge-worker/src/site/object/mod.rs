//! The Durable Object of one site.
//!
//! The Worker sends HTTP requests to the site's Durable Object. The body of `POST /call` is a
//! [`Call`] as JSON, and the response is a [`CallResult`] as JSON. The paths `/panel` and `/agent`
//! open WebSockets. For `/panel` and `/agent`, the header [`SOCKET_HEADER`] contains the data that the Worker has
//! verified. Every request contains the site's name. The Durable Object stores the site's name, because alarms and
//! WebSocket frames do not contain the name.

mod agents;
mod inner;
mod panels;
mod upgrade;

use std::rc::Rc;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::{MAX_FRAME, PING, PONG};
use worker::{
    DurableObject, Env, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage, durable_object,
};

use self::inner::Inner;
use super::effects::shut;
use super::sockets::Attached;
use crate::objects::SITE_HEADER;

/// The Durable Object of a site, with its database, WebSockets and alarm.
#[durable_object]
pub struct SiteObject {
    inner: Rc<Inner>,
}

impl DurableObject for SiteObject {
    fn new(state: State, env: Env) -> Self {
        if let Ok(pair) = worker_pair() {
            state.set_websocket_auto_response(&pair);
        }
        // The log line "site object starts" shows that the Durable Object was created again, for example after
        // hibernation. Tests, and owners who run `wrangler tail`, use the log line to check that hibernation works.
        worker::console_log!("site object starts");
        Self { inner: Rc::new(Inner::new(state, env)) }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let name = request.headers().get(SITE_HEADER)?.and_then(|text| Name::new(text).ok());
        if let Some(name) = name {
            self.inner.store_name(name).await?;
        }
        match request.path().as_str() {
            "/call" => self.inner.call(request).await,
            "/panel" => self.inner.open_panel(&request).await,
            "/agent" => self.inner.open_agent(&request).await,
            #[cfg(feature = "test-hooks")]
            crate::test_hooks::OBJECT_PATH => crate::test_hooks::panic_now(),
            _ => Response::from_json(&Problem::new(Code::NotFound)),
        }
    }

    async fn websocket_message(&self, socket: WebSocket, message: WebSocketIncomingMessage) -> Result<()> {
        self.handle_message(&socket, message).await
    }

    async fn websocket_close(
        &self,
        socket: WebSocket,
        code: usize,
        _reason: String,
        _clean: bool,
    ) -> Result<()> {
        // RFC 6455 §7.4.1 forbids sending the close codes 1005, 1006 and 1015.
        let code =
            u16::try_from(code).ok().filter(|code| !matches!(code, 1005 | 1006 | 1015)).unwrap_or(1000);
        shut(&socket, code, "");
        self.inner.closed(&socket).await
    }

    async fn websocket_error(&self, socket: WebSocket, error: worker::Error) -> Result<()> {
        worker::console_log!("socket: {error}");
        self.inner.closed(&socket).await
    }

    async fn alarm(&self) -> Result<Response> {
        self.inner.alarm_fired().await?;
        Response::empty()
    }
}

fn worker_pair() -> Result<worker::WebSocketRequestResponsePair> {
    Ok(worker::WebSocketRequestResponsePair::new(PING, PONG)?)
}

impl SiteObject {
    async fn handle_message(&self, socket: &WebSocket, message: WebSocketIncomingMessage) -> Result<()> {
        let WebSocketIncomingMessage::String(text) = message else {
            shut(socket, 1003, "text_only");
            return Ok(());
        };
        if text.len() > MAX_FRAME {
            shut(socket, 1009, "frame_too_large");
            return Ok(());
        }
        let outcome = match Attached::of(socket) {
            Some(Attached::Agent { socket: agent, .. }) => {
                self.inner.handle_agent_message(socket, &agent, &text).await?
            }
            Some(Attached::Panel { id, principal }) => {
                self.inner.handle_panel_message(socket, &id, &principal, &text).await?
            }
            None => return Ok(()),
        };
        if let Err(problem) = outcome {
            worker::console_error!("frame: {problem}");
        }
        Ok(())
    }
}
